// A loss of two parameters as contours, and paths down it: which path, and how far.
"use strict";
picture("surface", (stage, data, { svg, canvas, steps, choice, path }) => {
  const { width, height, left, top, bottom } = data;
  const drawn = canvas(stage, width, height, `contours of the loss over ${data.names[0]} and ${data.names[1]}, and a path down`);
  const inner = { x: left, y: top, width: width - left - 1, height: height - top - bottom };
  const clip = "clip-" + Math.random().toString(36).slice(2);
  drawn.append(svg("clipPath", { id: clip }, svg("rect", inner)));
  const field = svg("g", { "clip-path": `url(#${clip})`, fill: "none" });
  data.contours.forEach((d) => field.append(svg("path", { d, stroke: "var(--quiet)", "stroke-opacity": 0.45 })));
  const line = svg("path", { stroke: "var(--warm)", "stroke-width": 2 });
  const dots = svg("g", { fill: "var(--warm)" });
  const here = svg("circle", { r: 5.5, fill: "var(--warm)", stroke: "var(--paper)", "stroke-width": 1.5 });
  field.append(line, dots, here);
  drawn.append(field, svg("rect", { ...inner, fill: "none", stroke: "var(--line)" }));
  const floor = height - bottom;
  data.ticks[0].forEach(([x, words]) => drawn.append(svg("text", { x, y: floor + 16, "text-anchor": "middle" }, words)));
  data.ticks[1].forEach(([y, words]) => drawn.append(svg("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, words)));
  const name = { "text-anchor": "middle", style: "font-weight: 600" };
  drawn.append(svg("text", { x: (left + width) / 2, y: height - 6, ...name }, data.names[0]));
  drawn.append(svg("text", { x: 8, y: top + 14, ...name }, data.names[1]));

  let way = data.ways[0];
  const moved = steps(stage, {
    count: way.points.length,
    label: "step",
    start: Math.min(8, way.points.length - 1),
    show(i) {
      const points = way.points.slice(0, i + 1);
      line.setAttribute("d", path(points));
      dots.replaceChildren(...points.map(([cx, cy]) => svg("circle", { cx, cy, r: 2.2 })));
      here.setAttribute("cx", points[i][0]);
      here.setAttribute("cy", points[i][1]);
      const [u, v] = way.at[i];
      return `Step ${i}: ${data.names[0]} = ${u}, ${data.names[1]} = ${v}, loss ${way.losses[i]}`;
    },
  });
  choice(stage, {
    label: "path",
    options: data.ways.map((w) => w.name),
    choose(i) {
      const at = Number(moved.slider.value);
      way = data.ways[i];
      moved.restart(way.points.length);
      moved.go(at);
    },
  });
});
