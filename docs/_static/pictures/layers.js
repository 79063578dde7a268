// What the units of each layer say while a network learns: one histogram a layer, for the run that is chosen.
"use strict";
picture("layers", (stage, data, { svg, canvas, steps, choice }) => {
  const width = 360, left = 62, right = 350, row = 34, count = data[0].frames[0].layers.length, bins = data[0].frames[0].layers[0].length;
  const drawn = canvas(stage, width, row * count + 30, "a histogram for each layer, the first at the top");
  const step = (right - left) / bins;
  const bars = [];
  for (let layer = 0; layer < count; layer++) {
    const floor = row * (layer + 1);
    drawn.append(
      svg("text", { x: left - 8, y: floor - 4, "text-anchor": "end", style: "fill: var(--quiet)" }, `layer ${layer + 1}`),
      svg("line", { x1: left, x2: right, y1: floor, y2: floor, stroke: "var(--line)" }));
    bars.push(Array.from({ length: bins }, (_, i) => {
      const bar = svg("rect", { x: left + i * step + 0.5, width: step - 1, fill: "var(--cool)" });
      drawn.append(bar);
      return bar;
    }));
  }
  for (const [value, text] of [[0, "−1"], [0.5, "0"], [1, "1"]])
    drawn.append(svg("text", {
      x: left + value * (right - left), y: row * count + 18, "text-anchor": "middle", style: "fill: var(--quiet)",
    }, text));

  let run = 0;
  const slider = steps(stage, {
    count: data[0].frames.length,
    label: "step of the training",
    show(i) {
      const frame = data[run].frames[i];
      frame.layers.forEach((heights, layer) => heights.forEach((height, bin) => {
        const tall = height * (row - 6);
        bars[layer][bin].setAttribute("height", tall);
        bars[layer][bin].setAttribute("y", row * (layer + 1) - tall);
      }));
      return `${data[run].name}, after ${frame.step} steps: the loss is ${frame.loss}.`;
    },
  });
  choice(stage, {
    label: "start",
    options: data.map((each) => each.name),
    choose(i) { run = i; slider.go(Number(slider.slider.value)); },
  });
});
