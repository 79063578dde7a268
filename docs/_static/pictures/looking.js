// Where a decoder looks before each word: lines from the word to what was read, as thick as their weight.
"use strict";
picture("looking", (stage, data, { svg, html, canvas, steps, choice }) => {
  const width = 360, tall = 21, most = Math.max(...data.map((each) => each.words.length));
  const drawn = canvas(stage, width, Math.max(most * tall + 16, 220), "what was read on the left, the words said on the right, lines between them");
  let chosen = 0, slider;

  function show(step) {
    const { source, words, weights } = data[chosen];
    const t = Math.min(step, words.length - 1);
    const height = Math.max(most * tall, 200), gap = height / source.length;
    drawn.replaceChildren();
    source.forEach((text, place) => drawn.append(svg("text", {
      x: 40, y: gap * (place + 0.5) + 8, "text-anchor": "middle", style: "font-size: 18px; font-weight: 600",
    }, text)));
    words.forEach((text, n) => {
      const here = n === t;
      drawn.append(svg("text", {
        x: 230, y: tall * n + 20, style: `${here ? "fill: var(--warm); font-weight: 600" : n > t ? "fill: var(--line)" : ""}`,
      }, text));
    });
    weights[t].forEach((weight, place) => drawn.append(svg("line", {
      x1: 55, y1: gap * (place + 0.5) + 3, x2: 222, y2: tall * t + 16, stroke: "var(--warm)",
      "stroke-width": Math.max(0.3, 9 * weight), "stroke-opacity": 0.25 + 0.6 * weight, "stroke-linecap": "round",
    })));
    const place = weights[t].indexOf(Math.max(...weights[t]));
    return `Before “${words[t]}”: ${Math.round(100 * weights[t][place])} % of the look is at the ${source[place]} in place ${place + 1}.`;
  }
  slider = steps(stage, { count: most, label: "word", show });
  choice(stage, {
    label: "number",
    options: data.map((each) => each.source.join("")),
    choose(i) { chosen = i; slider.go(Number(slider.slider.value)); },
  });
});
