// The live floorplan: draws the data in `view`, sends what was clicked, waits for the answer. No arithmetic of its own.

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = ["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999"]; // Okabe-Ito
const LOAD_LIGHT = ["#f0b429", "#e2711d", "#b5264c", "#5f1a6b", "#140a22"]; // less bytes first; darker and wider is more
const LOAD_DARK = ["#7a4288", "#b5416d", "#e8704c", "#f9a63a", "#fdf3a5"];
const SRAM = ["#00204d", "#31446b", "#666970", "#958f78", "#cbba69", "#ffea46"]; // cividis
const TALLEST = 720, SIDE = 360, NARROW = 760; // height of the floor, width beside it, width from which it stands beside
const LARGEST = 12, SMALLEST = 9.5, LINE = 1.15, ROOM = 0.92; // sizes of labels
const HINT = "Click a group, then another: they change places. Or drag one onto the other. "
  + "Keyboard: Tab to the floor, arrows move, Enter picks, Escape lets go.";

const make = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

function place(element, values) {
  for (const [name, value] of Object.entries(values)) element.setAttribute(name, value);
}

/** Colour at `share` (0..1) of a ramp of hex colours. */
function ramp(colours, share) {
  const at = Math.min(1, Math.max(0, share)) * (colours.length - 1), low = Math.min(Math.floor(at), colours.length - 2);
  const parts = [0, 1, 2].map((i) => {
    const [a, b] = [colours[low], colours[low + 1]].map((hex) => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16));
    return Math.round(a + (b - a) * (at - low));
  });
  return `rgb(${parts.join(",")})`;
}

/** Whether a CSS colour is dark. */
function isDark(colour) {
  const [red, green, blue] = (colour.match(/[\d.]+/g) ?? [255, 255, 255]).map(Number);
  const scale = colour.startsWith("color(") ? 255 : 1;
  return (0.299 * red + 0.587 * green + 0.114 * blue) * scale < 128;
}

const pen = document.createElement("canvas").getContext("2d");
const widths = new Map(); // in sizes of the font

function widthOf(text) {
  if (!widths.has(text)) {
    pen.font = "100px system-ui, sans-serif";
    widths.set(text, pen.measureText(text).width / 100);
  }
  return widths.get(text);
}

/** The first label that fits a box of so many pixels, and the size to write it in. */
function fit(labels, width, height) {
  for (const lines of labels) {
    const across = (width * ROOM - 3) / Math.max(...lines.map(widthOf));
    const size = Math.min(LARGEST, across, (height * ROOM) / (LINE * lines.length));
    if (size >= SMALLEST) return { lines, size };
  }
  return null;
}

class Floor {
  constructor(model, el) {
    this.model = model;
    this.busy = false;
    this.picked = null; // name of the group to be swapped
    this.focused = null;
    this.asked = []; // the two that should change places
    this.moved = []; // the two that did
    this.boxes = new Map(); // name -> elements, kept so that a swap is seen to happen
    this.root = make("div", { class: "accelsim-floor" });
    el.append(this.root);
    this.build();
    this.onView = () => this.answer();
    model.on("change:view", this.onView);
    this.onTheme = () => this.redraw();
    this.sizes = new ResizeObserver(() => this.width() !== this.drawnWidth && this.redraw());
    this.sizes.observe(this.controls);
    this.theme = new MutationObserver(this.onTheme);
    this.theme.observe(document.body, { attributes: true });
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.scheme.addEventListener("change", this.onTheme);
    this.redraw();
  }

  close() {
    this.model.off("change:view", this.onView);
    this.sizes.disconnect();
    this.theme.disconnect();
    this.scheme.removeEventListener("change", this.onTheme);
  }

  get view() {
    return this.model.get("view");
  }

  /** What is shown: links, parts or sram. */
  get show() {
    return this.controls.elements.show.value;
  }

  build() {
    this.controls = this.buildControls();
    this.layers = Object.fromEntries(["boxes", "closed", "links", "names", "marks"].map((name) => [
      name, draw("g", { class: name }),
    ]));
    this.svg = draw("svg", { class: "floor", role: "group" }, ...Object.values(this.layers));
    this.svg.addEventListener("pointerdown", (event) => this.press(event));
    this.svg.addEventListener("pointermove", (event) => this.move(event));
    this.svg.addEventListener("pointerup", (event) => this.release(event));
    this.svg.addEventListener("pointerleave", () => this.tell(null));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    this.legend = make("div", { class: "key" });
    this.stage = make("div", { class: "stage" }, this.svg, make("div", { class: "wait" }, "simulating …"), this.legend);
    this.message = make("p", { class: "message", role: "status", "aria-live": "polite" });
    this.table = make("table", { class: "figures" });
    this.details = make("div", { class: "details" });
    this.hottest = make("ol", { class: "hottest" });
    const side = make("div", { class: "side" }, this.message, this.table, this.details,
      make("h4", {}, "Links with most bytes"), this.hottest);
    this.root.append(this.controls, make("div", { class: "body" }, this.stage, side));
  }

  buildControls() {
    const change = () => this.sendSettings();
    const number = (name, least, label) => make("label", {}, label,
      make("input", { type: "number", name, min: least, step: 1, onchange: change }));
    const select = (name, label, options, onchange) => make("label", {}, label,
      make("select", { name, onchange }, ...options.map(([value, text]) => make("option", { value }, text))));
    const form = make("form", { onsubmit: (event) => event.preventDefault() },
      select("placer", "placer", [], change), number("seed", 0, "seed"),
      select("kind", "phase", [["decode", "decode"], ["prefill", "prefill"]], change),
      number("batch", 1, "batch"), number("tokens", 1, "tokens each"),
      number("rows", 1, "rows of tiles"), number("cols", 1, "columns"),
      select("chip", "chip", [], () => this.send({ do: "chip", chip: Number(form.elements.chip.value) })),
      select("show", "show", [["links", "parts and link load"], ["parts", "parts"], ["sram", "share of SRAM"]], () => this.redraw()),
      make("button", { type: "button", name: "undo", onclick: () => this.send({ do: "undo" }) }, "Undo"),
      make("button", { type: "button", name: "again", onclick: () => this.sendSettings() }, "Place again"));
    return form;
  }

  send(content) {
    if (this.busy) return;
    this.setBusy(true);
    this.model.send(content);
  }

  sendSettings() {
    const { elements } = this.controls;
    const settings = { placer: elements.placer.value, kind: elements.kind.value };
    for (const name of ["seed", "batch", "tokens", "rows", "cols"]) {
      if (!elements[name].checkValidity() || elements[name].value === "") {
        this.say(`${elements[name].parentElement.firstChild.data}: not a whole number of at least ${elements[name].min}.`, true);
        return;
      }
      settings[name] = Number(elements[name].value);
    }
    this.send({ do: "change", settings });
  }

  setBusy(busy) {
    this.busy = busy;
    this.stage.classList.toggle("busy", busy);
    this.root.setAttribute("aria-busy", busy);
    if (busy) this.root.removeAttribute("data-revision");
  }

  /** The simulator has answered. */
  answer() {
    this.setBusy(false);
    this.picked = null;
    this.moved = this.view.error ? [] : this.asked;
    this.asked = [];
    this.redraw();
  }

  /** Pixels a row of the page has. */
  width() {
    return Math.max(280, Math.floor(this.controls.clientWidth));
  }

  redraw() {
    const { view } = this;
    this.root.classList.remove("dark");
    this.dark = isDark(getComputedStyle(this.root).backgroundColor);
    this.root.classList.toggle("dark", this.dark);
    const [rows, cols] = view.grid;
    this.stage.classList.toggle("resizing", this.width() !== this.drawnWidth);
    this.drawnWidth = this.width();
    const room = this.drawnWidth >= NARROW ? this.drawnWidth - SIDE : this.drawnWidth;
    this.scale = Math.min(room / cols, TALLEST / rows);
    place(this.svg, { width: cols * this.scale, height: rows * this.scale });
    this.stage.style.flexBasis = `${cols * this.scale}px`;
    this.svg.setAttribute("aria-label", `Floorplan of ${view.title}, ${view.groups.length} groups on ${rows} x ${cols} tiles`);
    this.drawClosed();
    this.drawBoxes();
    this.drawLinks();
    this.drawMarks();
    this.drawSide();
    this.drawControls();
    this.root.dataset.revision = view.revision;
  }

  px([x, y, width, height]) {
    return { x: x * this.scale, y: y * this.scale, width: width * this.scale, height: height * this.scale };
  }

  drawClosed() {
    const [rows, cols] = this.view.grid;
    const hatch = draw("pattern", { id: "accelsim-closed", width: 6, height: 6, patternUnits: "userSpaceOnUse" },
      draw("path", { d: "M0 6L6 0M-1 1L1 -1M5 7L7 5", stroke: this.dark ? "#bbb" : "#555", "stroke-width": 1.2 }));
    const frame = draw("rect", { ...this.px([0, 0, cols, rows]), fill: "none", stroke: "currentColor", "stroke-width": 1 });
    this.layers.closed.replaceChildren(draw("defs", {}, hatch), frame, ...this.view.closed.map((box) => {
      const at = this.px(box), least = 5; // a dead tile alone would be too small to see
      const grown = { x: at.x - Math.max(0, least - at.width) / 2, y: at.y - Math.max(0, least - at.height) / 2,
        width: Math.max(least, at.width), height: Math.max(least, at.height) };
      return draw("rect", { ...grown, fill: "url(#accelsim-closed)", stroke: this.dark ? "#eee" : "#111", "stroke-width": 0.8 });
    }));
  }

  drawBoxes() {
    const { view, show } = this, bySram = show === "sram", faint = show === "links";
    this.svg.classList.toggle("by-sram", bySram);
    const gone = new Set(this.boxes.keys());
    for (const group of view.groups) {
      gone.delete(group.name);
      if (!this.boxes.has(group.name)) this.boxes.set(group.name, this.addBox(group.name));
      const box = this.boxes.get(group.name), at = this.px(group.box), colour = COLOURS[group.kind % COLOURS.length];
      const full = Math.min(1, group.fill) * at.height;
      const styles = bySram ? [ramp(SRAM, group.fill), "none"] : [colour, colour];
      box.body.style.cssText = `${css(at)};fill:${styles[0]};fill-opacity:${bySram ? 1 : faint ? 0.18 : 0.28}`;
      box.full.style.cssText = `${css({ ...at, y: at.y + at.height - full, height: full })};fill:${styles[1]};fill-opacity:${faint ? 0.4 : 0.6}`;
      box.edge.style.cssText = css(at);
      box.g.setAttribute("class", group.is_pinned ? "box pinned" : "box");
      place(box.g, {
        "aria-label": `${group.name}: ${group.details.join(", ")}${group.is_pinned ? ", pinned" : ""}`,
        "aria-pressed": group.name === this.picked,
        tabindex: group.name === (this.focused ?? view.groups[0].name) ? 0 : -1,
      });
      this.drawName(box, group, at, bySram);
    }
    for (const name of gone) {
      this.boxes.get(name).g.remove();
      this.boxes.get(name).name.remove();
      this.boxes.delete(name);
    }
  }

  addBox(name) {
    const [body, full, edge] = ["body", "full", "edge"].map((kind) => draw("rect", { class: kind }));
    const g = draw("g", { role: "button", "data-name": name, onfocus: () => this.focusOn(name), onblur: () => this.drawMarks() },
      body, full, edge);
    const text = draw("text", {});
    this.layers.boxes.append(g);
    this.layers.names.append(text);
    return { g, body, full, edge, name: text };
  }

  drawName(box, group, at, bySram) {
    const share = `${Math.round(100 * group.fill)} %`;
    const labels = bySram ? [...group.labels.map((lines) => [...lines, share]), ...group.labels] : group.labels;
    const label = fit(labels, at.width, at.height);
    const size = label?.size ?? 0, lines = label?.lines ?? [];
    box.name.replaceChildren(...lines.map((line, i) => draw("tspan", {
      x: 0, dy: i === 0 ? size * (0.35 - ((lines.length - 1) * LINE) / 2) : size * LINE,
    }, line)));
    // below the upper edge, since links run through the middles
    const height = size * LINE * lines.length, y = at.y + Math.min(at.height / 2, height / 2 + 3);
    const ink = bySram ? `;fill:${group.fill > 0.55 ? "#000" : "#fff"}` : "";
    box.name.style.cssText = `font-size:${size}px;transform:translate(${at.x + at.width / 2}px,${y}px)${ink}`;
  }

  drawLinks() {
    if (this.show !== "links") {
      this.layers.links.replaceChildren();
      return;
    }
    const most = Math.max(1, ...this.view.links.map((link) => link.nbytes)), colours = this.dark ? LOAD_DARK : LOAD_LIGHT;
    const ends = ([x1, y1, x2, y2]) => ({ x1: x1 * this.scale, y1: y1 * this.scale, x2: x2 * this.scale, y2: y2 * this.scale });
    const seen = this.view.links.map((link) => draw("line", { ...ends(link.line), stroke: ramp(colours, link.nbytes / most),
      "stroke-width": 1 + (4 * link.nbytes) / most }));
    const reach = this.view.links.map((link) => draw("line", { class: "reach", "data-link": link.name, ...ends(link.line) }));
    this.layers.links.replaceChildren(...seen, ...reach);
  }

  drawMarks(hovered) {
    this.hovered = hovered === undefined ? this.hovered : hovered;
    const inFocus = document.activeElement?.getAttribute?.("data-name");
    const marks = [["hover", this.hovered], ["focus", this.root.contains(document.activeElement) ? inFocus : null],
      ["picked", this.picked], ...this.moved.map((name) => ["moved", name])];
    this.layers.marks.replaceChildren(...marks.flatMap(([kind, name]) => {
      const group = this.view.groups.find((one) => one.name === name);
      return group ? [draw("rect", { class: kind, ...this.px(group.box) })] : [];
    }));
  }

  drawSide() {
    const { view } = this;
    this.say(view.error || (view.num_undoable ? `${view.done[0].toUpperCase()}${view.done.slice(1)}. ` : "") + (view.error ? "" : HINT), Boolean(view.error));
    const columns = view.num_undoable ? [["before", "before"], ["now", "now"], ["change", "change"], ["since_placed", "since placed"]] : [["now", "now"]];
    const head = make("tr", {}, make("th", {}), ...columns.map(([, title]) => make("th", { scope: "col" }, title)));
    const rows = view.figures.map((figure) => make("tr", {}, make("th", { scope: "row" }, figure.label),
      ...columns.map(([name]) => {
        const sign = name === "change" && figure.trend ? (figure.trend < 0 ? "▼ " : "▲ ") : "";
        return make("td", { class: name, "data-key": figure.key, "data-column": name, "data-value": figure[name] },
          sign + (figure[`${name}_text`] ?? figure[name] ?? ""));
      })));
    this.table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
    this.hottest.replaceChildren(...view.hottest.map((name) => {
      const link = view.links.find((one) => one.name === name);
      return make("li", {}, make("button", { type: "button", onfocus: () => this.tell({ link }), onblur: () => this.tell(null),
        onmouseenter: () => this.tell({ link }), onmouseleave: () => this.tell(null) }, `${link.text}  ${name}`));
    }));
    this.drawLegend();
    this.tell(null);
  }

  drawLegend() {
    const { view, show } = this;
    const swatch = (style, text, kind = "") => make("span", {}, make("i", { style, class: kind }), text);
    const gradient = (colours) => `background:linear-gradient(to right,${colours.join(",")})`;
    const entries = show === "sram" ? [swatch(gradient(SRAM), "SRAM in use, 0 to 100 %", "ramp")]
      : view.parts.map((part) => swatch(`background:${COLOURS[part.kind % COLOURS.length]}`, part.name));
    if (show === "links" && view.links.length) {
      entries.push(swatch(gradient(this.dark ? LOAD_DARK : LOAD_LIGHT), `bytes over a link, 0 to ${view.links.at(-1).text}`, "ramp"));
    }
    if (view.closed.length) entries.push(swatch("background:repeating-linear-gradient(135deg,#888 0 2px,transparent 2px 5px)", "dead, spare or forbidden"));
    if (view.groups.some((group) => group.is_pinned)) entries.push(swatch("border:2px dashed", "pinned"));
    this.legend.replaceChildren(...entries);
  }

  drawControls() {
    const { settings, placers, num_chips: numChips, chip, num_undoable: undoable } = this.view, { elements } = this.controls;
    elements.placer.replaceChildren(...placers.map((name) => make("option", { value: name }, name)));
    elements.chip.replaceChildren(...Array.from({ length: numChips }, (_, i) => make("option", { value: i }, i)));
    elements.chip.parentElement.hidden = numChips < 2;
    elements.chip.parentElement.style.display = numChips < 2 ? "none" : "";
    for (const [name, value] of Object.entries({ ...settings, chip })) elements[name].value = value;
    elements.undo.disabled = undoable === 0;
  }

  say(text, isRefusal = false) {
    this.message.textContent = text;
    this.message.classList.toggle("refused", isRefusal);
  }

  /** Show what is known of a group or a link; of nothing, what was picked. */
  tell(what) {
    const group = what?.group ?? (what?.link ? null : this.view.groups.find((one) => one.name === this.picked));
    const link = what?.link;
    for (const line of this.layers.links.querySelectorAll("line.reach")) {
      line.classList.toggle("lit", line.dataset.link === link?.name);
    }
    const about = link ?? group;
    const lines = about ? about.details : ["Point at a group or a link to see what it holds or carries."];
    this.details.replaceChildren(...(about ? [make("b", {}, about.name)] : []), ...lines.map((line) => make("div", {}, line)));
  }

  groupAt(event) {
    const frame = this.svg.getBoundingClientRect();
    const x = (event.clientX - frame.left) / this.scale, y = (event.clientY - frame.top) / this.scale;
    return this.view.groups.find(({ box: [left, top, width, height] }) =>
      x >= left && x < left + width && y >= top && y < top + height);
  }

  press(event) {
    this.start = this.groupAt(event)?.name;
    if (this.start) this.boxes.get(this.start).g.focus({ preventScroll: true });
  }

  move(event) {
    const group = this.groupAt(event), name = event.target.dataset?.link;
    const link = event.buttons ? null : this.view.links.find((one) => one.name === name);
    if (event.buttons && this.start && group?.name !== this.start) {
      this.picked = this.start; // it is being dragged
      this.boxes.get(this.start).g.setAttribute("aria-pressed", true);
    }
    this.drawMarks(group?.name ?? null);
    this.tell(link ? { link } : group ? { group } : null);
  }

  release(event) {
    const target = this.groupAt(event)?.name, dragged = this.start && target && target !== this.start;
    const from = this.start;
    this.start = null;
    if (dragged) this.swap(from, target);
    else if (target && from) this.pick(target);
  }

  /** Pick a group, let go of it, or swap it with the one that is picked. */
  pick(name) {
    if (this.busy) return;
    if (this.picked !== null && this.picked !== name) {
      this.swap(this.picked, name);
      return;
    }
    this.picked = this.picked === name ? null : name;
    this.moved = [];
    for (const [one, { g }] of this.boxes) g.setAttribute("aria-pressed", one === this.picked);
    this.say(this.picked ? `${name} is picked. Choose the group it changes places with, or Escape.` : HINT);
    this.drawMarks();
  }

  swap(first, second) {
    this.say(`Swapping ${first} and ${second} …`);
    if (!this.busy) this.asked = [first, second];
    this.send({ do: "swap", first, second });
  }

  focusOn(name) {
    this.focused = name;
    for (const [one, { g }] of this.boxes) g.setAttribute("tabindex", one === name ? 0 : -1);
    this.drawMarks();
    this.tell({ group: this.view.groups.find((group) => group.name === name) });
  }

  key(event) {
    const name = event.target.dataset?.name, steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "Escape" && this.picked) this.pick(this.picked);
    else if ((event.key === "Enter" || event.key === " ") && name) this.pick(name);
    else if (steps[event.key] && name) this.boxes.get(this.beside(name, steps[event.key]))?.g.focus();
    else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has keys of its own
  }

  /** The nearest group in a direction. */
  beside(name, [dx, dy]) {
    const middle = ({ box: [x, y, width, height] }) => [x + width / 2, y + height / 2];
    const [x, y] = middle(this.view.groups.find((group) => group.name === name));
    let best = name, least = Infinity;
    for (const group of this.view.groups) {
      const [u, v] = middle(group), along = (u - x) * dx + (v - y) * dy, aside = Math.abs((u - x) * dy) + Math.abs((v - y) * dx);
      const far = along + 2 * aside;
      if (along > 0 && far < least) [best, least] = [group.name, far];
    }
    return best;
  }
}

function css({ x, y, width, height }) {
  return `x:${x}px;y:${y}px;width:${width}px;height:${height}px`;
}

export default {
  render({ model, el }) {
    const floor = new Floor(model, el);
    return () => floor.close();
  },
};
