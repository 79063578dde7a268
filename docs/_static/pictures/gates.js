// An LSTM's gates over a sequence: a row for each unit, a column for each step; the step that the slider is at stands out.
"use strict";
picture("gates", (stage, data, { svg, canvas, steps, choice }) => {
  const T = data.inputs.length, units = data.rows[0].values[0].length;
  const left = 46, width = 360, cell = (width - left - 4) / T, tall = 24, top = 22;
  const drawn = canvas(stage, width, top + tall * units + 22, "a row for each unit, a column for each step");
  const marker = svg("rect", { y: top - 2, width: cell, height: tall * units + 4, fill: "none", stroke: "var(--warm)", "stroke-width": 2 });
  const squares = Array.from({ length: units }, (_, unit) => {
    drawn.append(svg("text", { x: left - 6, y: top + tall * unit + 16, "text-anchor": "end", style: "fill: var(--quiet)" }, `unit ${unit + 1}`));
    return Array.from({ length: T }, (_, t) => {
      const square = svg("rect", { x: left + cell * t, y: top + tall * unit, width: cell, height: tall - 2 });
      drawn.append(square);
      return square;
    });
  });
  data.inputs.forEach((text, t) => drawn.append(
    svg("text", { x: left + cell * (t + 0.5), y: top - 7, "text-anchor": "middle", style: "fill: var(--quiet)" }, text)));
  drawn.append(marker);

  let row = 0;
  const paint = () => squares.forEach((line, unit) => line.forEach((square, t) => {
    const value = data.rows[row].values[t][unit];
    square.setAttribute("fill", value < 0 ? "var(--warm)" : "var(--cool)");
    square.setAttribute("fill-opacity", Math.min(1, 0.04 + Math.abs(value)));
  }));
  const slider = steps(stage, {
    count: T,
    label: "step of the sequence",
    show(t) {
      marker.setAttribute("x", left + cell * t);
      const values = data.rows[row].values[t].map((value) => value.toFixed(2).replace("-", "−")).join(", ");
      return `Step ${t + 1}, reading “${data.inputs[t]}”: ${data.rows[row].name} ${values}.`;
    },
  });
  choice(stage, {
    label: "show",
    options: data.rows.map((each) => each.name),
    choose(i) { row = i; paint(); slider.go(Number(slider.slider.value)); },
  });
  paint();
});
