// Word vectors laid flat, epoch by epoch. A menu picks out one kind of word.
"use strict";
picture("embedding", (stage, data, { svg, html, canvas, steps, choice }) => {
  const side = 360;
  const drawn = canvas(stage, side, side, "nouns as points; those of a kind come to stand together");
  const colours = { animal: "var(--warm)", person: "var(--cool)", food: "var(--good)", place: "var(--ink)" };
  const place = ([x, y]) => [side / 2 * (1 + x / data.size), side / 2 * (1 - y / data.size)];
  const words = data.words.map((word, i) => {
    const text = svg("text", { "text-anchor": "middle", style: `fill: ${colours[data.kinds[i]]}; font-size: 10px` }, word);
    drawn.append(text);
    return text;
  });
  const kinds = Object.keys(colours);
  stage.append(html("p", { style: "margin: 0.3rem 0 0" }, ...kinds.map((kind) =>
    html("span", { style: `color: ${colours[kind]}; margin-right: 1rem; font-size: 0.85rem` }, kind))));
  steps(stage, {
    count: data.frames.length,
    label: "epoch",
    start: 0,
    show(i) {
      data.frames[i].forEach((point, n) => {
        const [x, y] = place(point);
        words[n].setAttribute("x", x);
        words[n].setAttribute("y", y + 3);
      });
      return i ? `After ${i} epoch${i > 1 ? "s" : ""}.` : "Before the first epoch: nothing is known of any word.";
    },
  });
  choice(stage, {
    label: "show",
    options: ["all nouns", ...kinds],
    choose(i) { words.forEach((text, n) => text.setAttribute("opacity", !i || data.kinds[n] === kinds[i - 1] ? 1 : 0.12)); },
  });
});
