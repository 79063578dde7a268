// Sentences as rows of bricks: padded, in the order given, or sorted and packed; and the rows that each step computes.
"use strict";
picture("packing", (stage, data, { svg, canvas, steps, choice }) => {
  const rows = data.sentences, N = rows.length, T = Math.max(...rows.map((row) => row.length));
  const width = 360, brick = width / T, tall = 26;
  const drawn = canvas(stage, width, tall * N + 8, "sentences as rows of bricks, one column for each step");
  const bricks = rows.map((row) => Array.from({ length: T }, (_, t) => {
    const group = svg("g", {},
      svg("rect", { x: t * brick + 1, y: 2, width: brick - 2, height: tall - 4, rx: 3 }),
      svg("text", {
        x: (t + 0.5) * brick, y: 17, "text-anchor": "middle", style: `font-size: ${Math.min(11, brick / 3.1)}px`,
      }, row[t] || ""));
    drawn.append(group);
    return group;
  }));
  const sorted = rows.map((_, n) => n).sort((a, b) => rows[b].length - rows[a].length || a - b);
  const layouts = [
    { name: "padded", order: rows.map((_, n) => n), padded: true },
    { name: "as they came, without padding", order: rows.map((_, n) => n), padded: false },
    { name: "sorted and packed", order: sorted, padded: false },
  ];
  let chosen = 0;
  const words = rows.reduce((sum, row) => sum + row.length, 0);

  function show(t) {
    const { order, padded } = layouts[chosen];
    order.forEach((n, place) => bricks[n].forEach((group, step) => {
      const real = step < rows[n].length;
      group.setAttribute("transform", `translate(0 ${4 + place * tall})`);
      group.setAttribute("visibility", real || padded ? "visible" : "hidden");
      const rect = group.firstChild;
      rect.setAttribute("fill", real ? "var(--cool)" : "var(--paper)");
      rect.setAttribute("fill-opacity", step === t ? 0.55 : 0.18);
      rect.setAttribute("stroke", step === t ? "var(--warm)" : "var(--line)");
      rect.setAttribute("stroke-width", step === t ? 2 : 0.7);
    }));
    const running = order.map((n) => rows[n].length > t);
    const count = running.filter(Boolean).length;
    if (padded) return `Step ${t + 1}: ${N} rows are computed, ${count} of them words. In all ${N * T} for ${words} words.`;
    const gaps = running.lastIndexOf(true) + 1 !== count;
    return `Step ${t + 1}: ${count} rows. ` + (gaps
      ? "They do not lie side by side: each step has to pick out its own."
      : `The first ${count} go on, without a gap. In all ${words} rows for ${words} words.`);
  }
  const slider = steps(stage, { count: T, label: "step", show });
  choice(stage, {
    label: "lay them",
    options: layouts.map((layout) => layout.name),
    choose(i) { chosen = i; slider.go(Number(slider.slider.value)); },
  });
});
