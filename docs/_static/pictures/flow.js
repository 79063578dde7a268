// A graph with the gradients flowing back. Each step visits one box, which sends a gradient to each box it was made of.
"use strict";
picture("flow", (stage, data, { graph, steps }) => {
  const { boxes, lines } = graph(stage, data, "a graph of boxes, with the gradients that have arrived so far");
  steps(stage, {
    count: data.steps.length,
    label: "step of the backward pass",
    show(i) {
      const step = data.steps[i];
      for (const box of boxes) {
        box.mark(box.key === step.visit);
        box.write(box.key in step.sums ? `∂ ${step.sums[box.key]}` : "");
      }
      for (const line of lines) {
        const here = line.to === step.visit && line.from in step.sent;
        line.mark(here);
        line.write(here ? `↑ ${step.sent[line.from]}` : "");
      }
      return step.says;
    },
  });
});
