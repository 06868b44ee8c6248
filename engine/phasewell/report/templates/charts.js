// Draws every chart of the page and says on <html> how many were drawn, so that a failure is seen and not a gap.
// Beside each chart stand its numbers, as a table and as a CSV file: for eyes that cannot see it, and for other programs.
(function () {
  "use strict";
  const root = document.documentElement;
  const problems = [];
  function note(message) {
    problems.push(String(message));
    root.dataset.problems = problems.join(" | ");
  }
  window.addEventListener("error", (event) => {
    if (event.target instanceof HTMLImageElement && event.target.dataset.beside) return; // told on the page itself
    note(event.message || "a part of the page failed to load");
  }, true);
  window.addEventListener("unhandledrejection", (event) => note(event.reason));
  document.addEventListener("securitypolicyviolation", (event) => note("policy: " + event.violatedDirective));

  const holder = document.getElementById("chart-data");
  const content = holder ? JSON.parse(holder.textContent) : { config: {}, charts: {} };
  const listeners = []; // called with the name of a well whose mark was chosen in a chart
  let shown = null; // the wells that the filter lets through; null = all

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "text") element.textContent = value;
      else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  // a canvas cannot read CSS variables, so its colours are looked up when it is drawn
  function resolved(value) {
    const style = getComputedStyle(root);
    return JSON.parse(
      JSON.stringify(value).replace(/var\((--[a-z0-9-]+)\)/g, (_, name) => style.getPropertyValue(name).trim())
    );
  }

  function namesWells(rows) {
    return rows.length > 0 && typeof rows[0] === "object" && rows[0] !== null && "well" in rows[0];
  }

  function filtered(spec) {
    if (shown === null || !spec.datasets) return spec;
    const datasets = {};
    for (const [name, rows] of Object.entries(spec.datasets)) {
      datasets[name] = namesWells(rows) ? rows.filter((row) => shown.has(row.well)) : rows;
    }
    return { ...spec, datasets };
  }

  // a chart wider than its place would be shrunk, text and all: fewer columns or a narrower plot keep it legible
  function narrowed(spec, natural, room) {
    const { hconcat, ...rest } = spec;
    const parts = hconcat || spec.concat;
    const columns = (hconcat && hconcat.length) || spec.columns || (parts && parts.length) || 1;
    if (columns > 1) return { ...rest, ...(parts ? { concat: parts } : {}), columns: Math.max(1, Math.floor((columns * room) / natural)) };
    const less = (part) => ({ ...part, width: Math.max(160, Math.floor(part.width - (natural - room))) });
    if (parts && typeof parts[0].width === "number") return { ...rest, concat: parts.map(less), columns: 1 };
    return typeof spec.width === "number" ? less(spec) : spec;
  }

  async function draw(element, spec) {
    const canvas = spec.usermeta.renderer === "canvas";
    const options = {
      mode: "vega-lite",
      renderer: spec.usermeta.renderer,
      actions: false,
      ast: true,
      defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
      config: canvas ? resolved(content.config) : content.config,
    };
    try {
      let fitting = filtered(spec);
      let result = null;
      for (let tries = 0; tries < 3; tries++) { // fewer columns first, then a narrower plot
        if (element.view) element.view.finalize();
        result = await window.vegaEmbed(element, canvas ? resolved(fitting) : fitting, options);
        element.view = result;
        const natural = result.view.container().firstElementChild.getAttribute("width") / (canvas ? devicePixelRatio : 1);
        if (!element.clientWidth || natural <= 1.08 * element.clientWidth) break; // so much less is still legible
        fitting = narrowed(fitting, natural, element.clientWidth);
      }
      result.view.addEventListener("click", (_, item) => {
        const well = item && item.datum && item.datum.well;
        if (well) listeners.forEach((listener) => listener(String(well)));
      });
      element.dataset.drawn = result.view.scenegraph().root.items.length ? "yes" : "empty";
      return true;
    } catch (error) {
      note(element.dataset.chart + ": " + error);
      element.textContent = "This chart could not be drawn: " + error;
      return false;
    }
  }

  function chartElements() {
    return [...document.querySelectorAll("[data-chart]")];
  }

  async function drawAll(only) {
    let drawn = 0;
    for (const element of chartElements().filter(only)) {
      drawn += (await draw(element, content.charts[element.dataset.chart])) ? 1 : 0;
    }
    return drawn;
  }

  // ---- the numbers behind a chart

  function tableRows(spec, table) {
    const rows = filtered(spec).datasets[table.data];
    if (table.columns) {
      const header = table.columns.map((column) => column[1]);
      return [header, ...rows.map((row) => table.columns.map((column) => row[column[0]]))];
    }
    const values = Object.fromEntries((spec.params || []).map((param) => [param.name, param.value]));
    const [down, across] = [values[table.rows], values[table.across]];
    const line = (i) => across.map((_, j) => (rows[i * across.length + j] === 99 ? null : rows[i * across.length + j]));
    const kept = down.map((name, i) => [name, i]).filter(([name]) => shown === null || shown.has(name));
    return [["Well", ...across], ...kept.map(([name, i]) => [name, ...line(i)])];
  }

  function csvCell(value) {
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return String(value);
    let text = String(value);
    if (/^[=+\-@\t\r]/.test(text)) text = "'" + text; // a spreadsheet must not take a name for a formula
    return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }

  function save(name, text, kind) {
    const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: kind }));
    const link = make("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  }

  function fileName(...parts) {
    const plain = parts.map((part) => String(part).normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, ""));
    return plain.filter(Boolean).join("-").slice(0, 120) + ".csv";
  }

  const MOST_ROWS = 300;
  function numberText(value) {
    if (value === null || value === undefined) return "–";
    return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
  }

  function htmlTable(rows, caption) {
    const [header, ...body] = rows;
    const numeric = header.map((_, i) => body.some((row) => typeof row[i] === "number"));
    const head = make("tr", {}, ...header.map((text, i) => make("th", { scope: "col", class: numeric[i] ? "number" : null, text })));
    const lines = body.slice(0, MOST_ROWS).map((row) =>
      make("tr", {}, ...row.map((value, i) => make("td", { class: numeric[i] ? "number" : null, text: numberText(value) })))
    );
    const note = body.length > MOST_ROWS ? ` (the first ${MOST_ROWS} of ${body.length} rows; the file has all)` : "";
    const table = make("table", {}, make("caption", { text: caption + note }), make("thead", {}, head), make("tbody", {}, ...lines));
    return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table);
  }

  function fillData(details, name, spec) {
    const tables = spec.usermeta.tables;
    const place = make("div", {});
    let chosen = tables[0];
    const title = () => chosen.title || details.dataset.title || name;
    const show = () => place.replaceChildren(htmlTable(tableRows(spec, chosen), title()));
    const tools = make("p", { class: "tools" });
    if (tables.length > 1) {
      const select = make("select", { onchange: (event) => { chosen = tables[Number(event.target.value)]; show(); } },
        ...tables.map((table, i) => make("option", { value: i, text: table.title })));
      tools.append(make("label", {}, "Table ", select));
    }
    tools.append(make("button", {
      type: "button", class: "download", text: "Download CSV",
      onclick: () => save(fileName(document.title, name, tables.length > 1 ? chosen.title : ""),
        tableRows(spec, chosen).map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n", "text/csv"),
    }));
    details.replaceChildren(details.querySelector("summary"), tools, place);
    show();
  }

  // the fold "Data of this chart" is filled when it is opened: a page holds its numbers once
  function addData(details, name, spec) {
    if (!spec.usermeta.tables || !spec.usermeta.tables.length) return details.remove();
    details.addEventListener("toggle", () => details.open && fillData(details, name, spec));
  }
  document.querySelectorAll("details.data").forEach((fold) => addData(fold, fold.dataset.for, content.charts[fold.dataset.for]));

  function setShown(wells) {
    shown = wells;
    root.dataset.chartsDrawn = "";
    document.querySelectorAll("details.data[open]").forEach((fold) => (fold.open = false));
    const about = (element) => Object.values(content.charts[element.dataset.chart].datasets || {}).some(namesWells);
    return drawAll(about).then(() => (root.dataset.chartsDrawn = chartElements().length));
  }

  window.phasewellPage = { content, make, note, draw, save, fileName, csvCell, htmlTable, addData, setShown, onWell: (f) => listeners.push(f) };

  // what is wider than its place is scrolled by keyboard as well, and has a name when it is reached
  const wide = new ResizeObserver((entries) => entries.forEach(({ target }) => {
    if (target.scrollWidth <= target.clientWidth) return target.removeAttribute("tabindex");
    const caption = target.querySelector("caption");
    target.tabIndex = 0;
    target.setAttribute("role", "region");
    target.setAttribute("aria-label", caption ? caption.textContent : "Chart, wider than its place");
  }));
  document.querySelectorAll("main .scroll, main .chart").forEach((element) => wide.observe(element));
  drawAll(() => true).then((drawn) => (root.dataset.chartsDrawn = drawn));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    drawAll((element) => content.charts[element.dataset.chart].usermeta.renderer === "canvas")
  );
  window.addEventListener("beforeprint", () =>
    document.querySelectorAll("details:not(.data)").forEach((fold) => (fold.open = true))
  );
})();
