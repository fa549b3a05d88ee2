"use strict";
// The page works without the charts: tables and downloads are set up first. No string becomes HTML here.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const exact = (cell) => cell.dataset.value ?? cell.textContent;

  function sortBy(table, index, button) {
    const head = button.closest("th");
    const descending = head.getAttribute("aria-sort") !== "descending";
    const isNumber = head.classList.contains("number");
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => {
      const [x, y] = [exact(a.cells[index]), exact(b.cells[index])];
      const order = isNumber ? Number(x) - Number(y) : x.localeCompare(y);
      return descending ? -order : order;
    });
    table.tBodies[0].append(...rows);
  }

  function offer(name, type, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function csv(table) {
    const quote = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const lines = [...table.rows].map((row) => [...row.cells].map((cell) => quote(exact(cell))).join(","));
    return lines.join("\n") + "\n";
  }

  for (const table of document.querySelectorAll("table")) {
    [...table.tHead.rows[0].cells].forEach((head, index) => {
      const button = head.querySelector("button");
      button.addEventListener("click", () => sortBy(table, index, button));
    });
  }
  for (const button of document.querySelectorAll("button.csv")) {
    button.addEventListener("click", () =>
      offer(`${button.dataset.name}.csv`, "text/csv", csv(document.getElementById(button.dataset.table))));
  }
  document.getElementById("download-json").addEventListener("click", () =>
    offer("result.json", "application/json", document.getElementById("data").textContent));

  const use = read("link-use");
  const select = document.getElementById("link");
  const users = document.getElementById("link-users");
  function showLink(name) {
    select.value = name;
    const line = document.createElement("p");
    line.textContent = select.selectedOptions.length ? `${name}: ${select.selectedOptions[0].dataset.line}` : name;
    const list = document.createElement("ol");
    for (const [operator, bytes, text] of use[name] ?? []) {
      const item = document.createElement("li");
      item.dataset.bytes = bytes;
      item.title = `${bytes.toLocaleString("en")} bytes`;
      item.textContent = `${operator}: ${text}`;
      list.append(item);
    }
    users.replaceChildren(line, list);
  }
  select.addEventListener("change", () => showLink(select.value));
  if (select.options.length) showLink(select.value);

  async function inflate(id) {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const [ink, line] = ["--ink", "--line"].map((name) => style.getPropertyValue(name).trim());
    const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, tickcolor: line };
    return { ink, axis };
  }

  function themed(layout) {
    const { ink, axis } = colours();
    return {
      ...layout,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      modebar: { bgcolor: "rgba(0,0,0,0)", color: ink, activecolor: ink },
      font: { ...(layout.font ?? {}), color: ink },
      xaxis: { ...axis, ...(layout.xaxis ?? {}) },
      yaxis: { ...axis, ...(layout.yaxis ?? {}) },
    };
  }

  function legend(name, chart, traces) {
    if (name === "links" || traces.length < 2) return;
    const buttons = traces.map((trace, index) => {
      const button = document.createElement("button");
      const swatch = document.createElement("i");
      swatch.style.setProperty("--swatch", trace.fillcolor ?? trace.marker?.color ?? trace.line?.color);
      swatch.dataset.pattern = trace.marker?.pattern?.shape ?? "";
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      button.append(swatch, trace.name);
      button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shown));
        Plotly.restyle(chart, { visible: shown }, [index]);
      });
      return button;
    });
    document.getElementById(`legend-${name}`).replaceChildren(...buttons);
  }

  const isNarrow = innerWidth < 640;  // no room for the buttons of a chart, nor for names on the floorplan
  const config = { responsive: true, displaylogo: false, displayModeBar: isNarrow ? false : "hover" };
  const drawn = [];

  async function draw(name, figure) {
    const chart = document.getElementById(`chart-${name}`);
    if (isNarrow) {  // a tap shows the names on the floorplan one by one
      for (const trace of figure.data) if (trace.mode === "text") trace.text = trace.text.map(() => "");
    }
    await Plotly.newPlot(chart, figure.data, themed(figure.layout), config);
    legend(name, chart, figure.data);
    if (name === "links") chart.on("plotly_click", (event) => {
      const link = event.points[0].customdata;
      if (typeof link === "string") showLink(link);
    });
    drawn.push([chart, figure]);
    chart.dataset.drawn = "true";
    if (drawn.length === 1) performance.mark("accelsim-drawn");
  }

  // A chart is drawn when it comes near the screen, so that the page opens at once; all are for printing.
  async function start() {
    const figures = read("figures");
    for (const [name, figure] of Object.entries(figures)) {
      document.getElementById(`chart-${name}`).style.minHeight = `${figure.layout.height ?? 300}px`;
    }
    const script = document.createElement("script");
    script.textContent = await inflate("plotly");
    document.head.append(script);
    const waiting = new Map(Object.keys(figures).map((name) => [document.getElementById(`chart-${name}`), name]));
    const fail = (chart) => (error) => { chart.textContent = `The chart could not be drawn: ${error}`; };
    const show = (chart) => {
      const name = waiting.get(chart);
      if (name === undefined) return;
      waiting.delete(chart);
      draw(name, figures[name]).catch(fail(chart));
    };
    const watch = new IntersectionObserver(
      (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => show(entry.target)),
      { rootMargin: "300px" });
    for (const chart of waiting.keys()) watch.observe(chart);
    addEventListener("beforeprint", () => [...waiting.keys()].forEach(show));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const [chart, figure] of drawn) Plotly.react(chart, chart.data, themed(figure.layout), config);
    });
    document.body.dataset.ready = "true";
    performance.mark("accelsim-ready");
  }
  start().catch((error) => {
    document.body.dataset.ready = "failed";
    for (const chart of document.querySelectorAll(".chart")) chart.textContent = `The chart could not be drawn: ${error}`;
  });
})();
