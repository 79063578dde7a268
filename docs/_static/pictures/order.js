// One graph, and its boxes visited in one of several orders. A box counts its visits.
"use strict";
picture("order", (stage, data, { graph, steps, choice }) => {
  const { boxes, lines } = graph(stage, data, "a graph of boxes, with the number of visits to each");
  let way = data.ways[0];
  const moved = steps(stage, {
    count: way.visits.length,
    label: "visit",
    show(i) {
      const visits = way.visits.slice(0, i + 1), here = visits[i];
      for (const box of boxes) {
        const times = visits.filter((key) => key === box.key).length;
        box.mark(box.key === here);
        box.write(times ? `${times} visit${times > 1 ? "s" : ""}` : "");
      }
      lines.forEach((line) => line.mark(line.to === here));
      return way.says[i];
    },
  });
  choice(stage, {
    label: "order",
    options: data.ways.map((w) => w.name),
    choose(i) {
      way = data.ways[i];
      moved.restart(way.visits.length);
    },
  });
});
