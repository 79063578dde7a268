// A graph with the gradients flowing back. Each step visits one box, which sends a gradient to each box it was made of.
"use strict";
picture("flow", (stage, data, { svg, canvas, steps, path }) => {
  const drawn = canvas(stage, data.width, data.height, "a graph of boxes, with the gradients that have arrived so far");
  const lines = data.lines.map((line) => {
    const [x, y] = middle(line.points);
    const group = svg("g", {},
      svg("path", { d: path(line.points), fill: "none", stroke: "var(--line)", "stroke-width": 1.5 }),
      svg("text", { x: x + 6, y: y + 4, style: "fill: var(--warm); font-weight: 600" }));
    drawn.append(group);
    return { ...line, path: group.firstChild, text: group.lastChild };
  });
  const boxes = data.boxes.map((box) => {
    const group = svg("g", {}, svg("rect", {
      x: box.x - box.width / 2, y: box.y - box.height / 2, width: box.width, height: box.height, rx: 6,
      fill: "var(--paper)", stroke: "var(--line)", "stroke-width": 1.5,
    }));
    const top = box.y - box.height / 2 + 17;
    box.lines.forEach((line, i) => group.append(
      svg("text", { x: box.x, y: top + 16 * i, "text-anchor": "middle", style: i ? "" : "font-weight: 600" }, line)));
    const grad = svg("text", { x: box.x, y: top + 16 * box.lines.length, "text-anchor": "middle", style: "fill: var(--warm)" });
    group.append(grad);
    drawn.append(group);
    return { ...box, rect: group.firstChild, grad };
  });

  function middle(points) {
    const i = Math.floor((points.length - 1) / 2), [a, b] = [points[i], points[i + 1]];
    return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  }

  steps(stage, {
    count: data.steps.length,
    label: "step of the backward pass",
    show(i) {
      const step = data.steps[i];
      for (const box of boxes) {
        const here = box.key === step.visit;
        box.rect.setAttribute("stroke", here ? "var(--warm)" : "var(--line)");
        box.rect.setAttribute("stroke-width", here ? 3 : 1.5);
        box.grad.textContent = box.key in step.sums ? `∂ ${step.sums[box.key]}` : "";
      }
      for (const line of lines) {
        const here = line.to === step.visit && line.from in step.sent;
        line.path.setAttribute("stroke", here ? "var(--warm)" : "var(--line)");
        line.path.setAttribute("stroke-width", here ? 3 : 1.5);
        line.text.textContent = here ? `↑ ${step.sent[line.from]}` : "";
      }
      return step.says;
    },
  });
});
