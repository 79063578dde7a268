// Cost by size: the measured curve, and the floors below it; the slider reads them off at one size.
"use strict";
picture("costs", (stage, data, { svg, html, canvas, steps, path }) => {
  const width = 360, height = 250, left = 44, bottom = 222;
  const drawn = canvas(stage, width, height, "time of a step by the width of the layer, both on logarithmic scales");
  const colours = { measured: "var(--ink)", calls: "var(--good)", memory: "var(--cool)", arithmetic: "var(--warm)" };
  const all = Object.values(data.curves).flat();
  const low = Math.floor(Math.log10(Math.min(...all))), high = Math.ceil(Math.log10(Math.max(...all)));
  const x = (i) => left + 12 + i * (width - left - 30) / (data.sizes.length - 1);
  const y = (value) => bottom - (Math.log10(value) - low) / (high - low) * (bottom - 16);
  for (let power = low; power <= high; power++) drawn.append(
    svg("line", { x1: left, x2: width - 8, y1: y(10 ** power), y2: y(10 ** power), stroke: "var(--line)", "stroke-width": 0.4 }),
    svg("text", { x: left - 5, y: y(10 ** power) + 4, "text-anchor": "end", style: "fill: var(--quiet); font-size: 10px" },
      power < 0 ? (10 ** power).toFixed(-power) : String(10 ** power)));
  drawn.append(svg("text", { x: 2, y: 10, style: "fill: var(--quiet); font-size: 10px" }, "µs"));
  data.sizes.forEach((size, i) => drawn.append(
    svg("text", { x: x(i), y: bottom + 16, "text-anchor": "middle", style: "fill: var(--quiet); font-size: 10px" }, size)));
  const marker = svg("line", { y1: 12, y2: bottom, stroke: "var(--warm)", "stroke-width": 1 });
  drawn.append(marker);
  const dots = Object.entries(data.curves).map(([name, times]) => {
    drawn.append(svg("path", {
      d: path(times.map((t, i) => [x(i), y(t)])), fill: "none", stroke: colours[name], "stroke-width": name === "measured" ? 2.2 : 1.4,
      "stroke-dasharray": name === "measured" ? "none" : "5 4",
    }));
    const dot = svg("circle", { r: 3.5, fill: colours[name] });
    drawn.append(dot);
    return { name, times, dot };
  });
  stage.append(html("p", { style: "margin: 0.3rem 0 0" }, ...Object.keys(data.curves).map((name) =>
    html("span", { style: `color: ${colours[name]}; margin-right: 1rem; font-size: 0.85rem` }, name))));
  steps(stage, {
    count: data.sizes.length,
    label: "width of the layer",
    start: 3,
    show(i) {
      marker.setAttribute("x1", x(i));
      marker.setAttribute("x2", x(i));
      dots.forEach(({ times, dot }) => { dot.setAttribute("cx", x(i)); dot.setAttribute("cy", y(times[i])); });
      const floors = dots.filter(({ name }) => name !== "measured").sort((a, b) => b.times[i] - a.times[i]);
      const measured = data.curves.measured[i];
      return `Width ${data.sizes[i]}: ${measured} µs. The highest floor is ${floors[0].name}, ${floors[0].times[i]} µs.`;
    },
  });
});
