// What all moving pictures share. A page has <figure class="picture" data-kind="flow"> with a still picture and its numbers as
// JSON; this loads flow.js beside it, which calls picture("flow", draw), and draw(stage, data, tools) takes the still one's place.
"use strict";
(() => {
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  const figures = (kind) => document.querySelectorAll(`figure.picture[data-kind="${kind}"]`);

  function make(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }
  const html = (name, attributes = {}, ...children) => make(document.createElement(name), attributes, children);
  const svg = (name, attributes = {}, ...children) =>
    make(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

  // The picture itself: an <svg> whose coordinates are those of the data.
  function canvas(stage, width, height, label) {
    const drawn = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
    stage.append(drawn);
    return drawn;
  }

  function bar(stage) {
    let found = stage.querySelector(".controls");
    if (!found) stage.append((found = html("div", { class: "controls" })));
    return found;
  }

  // A slider from 0 to count - 1 with buttons: show(i) draws step i and returns what is said about it.
  function steps(stage, { count, label, show, start = 0 }) {
    const controls = bar(stage);
    const said = html("output", { "aria-live": "polite" });
    const slider = html("input", { type: "range", min: 0, max: count - 1, step: 1, value: start, "aria-label": label });
    const go = (i) => {
      slider.value = Math.max(0, Math.min(count - 1, i));
      const text = show(Number(slider.value));
      said.textContent = text || "";
      slider.setAttribute("aria-valuetext", text || slider.value);
    };
    slider.addEventListener("input", () => go(Number(slider.value)));
    const move = (by) => () => go(Number(slider.value) + by);
    controls.append(
      html("button", { type: "button", onclick: move(-1) }, "Back"),
      html("button", { type: "button", onclick: move(1) }, "Next"),
      slider,
    );
    stage.append(said);
    const restart = (many) => {
      count = many;
      slider.max = count - 1;
      go(0);
    };
    go(start);
    return { go, slider, restart };
  }

  // One of several: choose(i) is called with the number of the option.
  function choice(stage, { label, options, choose }) {
    const select = html("select", { "aria-label": label }, ...options.map((name, i) => html("option", { value: i }, name)));
    select.addEventListener("change", () => choose(Number(select.value)));
    bar(stage).prepend(html("label", {}, `${label} `, select));
    return select;
  }

  const path = (points) => "M" + points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");

  // Boxes and lines of a graph, laid out by metagrad. Each can be marked, and has room for a text.
  function graph(stage, data, label) {
    const drawn = canvas(stage, data.width, data.height, label);
    const marker = (shape) => (on) => {
      shape.setAttribute("stroke", on ? "var(--warm)" : "var(--line)");
      shape.setAttribute("stroke-width", on ? 3 : 1.5);
    };
    const plain = { stroke: "var(--line)", "stroke-width": 1.5 };
    const lines = data.lines.map((line) => {
      const i = Math.floor((line.points.length - 1) / 2), [a, b] = [line.points[i], line.points[i + 1]];
      const shape = svg("path", { d: path(line.points), fill: "none", ...plain });
      const text = svg("text", { x: (a[0] + b[0]) / 2 + 6, y: (a[1] + b[1]) / 2 + 4, style: "fill: var(--warm); font-weight: 600" });
      drawn.append(shape, text);
      return { ...line, mark: marker(shape), write: (words) => (text.textContent = words) };
    });
    const boxes = data.boxes.map((box) => {
      const [left, top] = [box.x - box.width / 2, box.y - box.height / 2];
      const shape = svg("rect", { x: left, y: top, width: box.width, height: box.height, rx: 6, fill: "var(--paper)", ...plain });
      const row = (i, style, words) => svg("text", { x: box.x, y: top + 17 + 16 * i, "text-anchor": "middle", style }, words);
      const text = row(box.lines.length, "fill: var(--warm)", "");
      drawn.append(shape, ...box.lines.map((line, i) => row(i, i ? "" : "font-weight: 600", line)), text);
      return { ...box, mark: marker(shape), write: (words) => (text.textContent = words) };
    });
    return { drawn, boxes, lines };
  }

  const tools = { html, svg, canvas, steps, choice, path, graph };

  function begin(figure, draw) {
    const stage = html("div", { class: "live" });
    figure.prepend(stage);
    draw(stage, JSON.parse(figure.querySelector('script[type="application/json"]').textContent), tools);
    figure.classList.add("moving");
  }

  window.picture = (kind, draw) => figures(kind).forEach((figure) => begin(figure, draw));
  const kinds = new Set([...document.querySelectorAll("figure.picture[data-kind]")].map((figure) => figure.dataset.kind));
  kinds.forEach((kind) => document.head.append(html("script", { src: `${folder}${kind}.js` })));
})();
