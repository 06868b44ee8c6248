// The plate as buttons, and beside it the chosen well: its frames, growth, size density, flags and predictions.
(function () {
  "use strict";
  const page = window.phasewellPage;
  const data = page.content.wells;
  const place = document.getElementById("wells");
  if (!data || !place) return;
  const { make } = page;
  const folderName = decodeURIComponent(location.pathname.split("/").pop() || "").replace(/\.[^.]*$/, "") + "_files";
  const position = (well) => [well.replace(/\d+$/, ""), Number(well.match(/\d+$/)[0])];
  let chosen = null;
  let shown = null; // wells that the filter lets through; null = all

  // ---- the plate

  const rowNames = [...new Set(data.wells.map((well) => position(well)[0]))];
  const columnNames = [...new Set(data.wells.map((well) => position(well)[1]))].sort((a, b) => a - b);
  const firstFilter = data.filters[0];
  const buttons = new Map();
  function wellButton(well) {
    const name = firstFilter === undefined ? null : data.annotations[firstFilter][data.wells.indexOf(well)];
    const lines = data.flags[well] || [];
    const lost = lines.filter((line) => line[0] !== "flagged").reduce((sum, line) => sum + line[3], 0);
    const flagged = lines.filter((line) => line[0] === "flagged").reduce((sum, line) => sum + line[3], 0);
    const more = [lost ? `${lost} frames not measured` : "", flagged ? `${flagged} flags` : ""].filter(Boolean).join(", ");
    const button = make("button", { type: "button", "data-well": well, "aria-pressed": "false", tabindex: "-1",
      title: [`Well ${well}`, name === null ? "" : `${firstFilter} ${name}`, more].filter(Boolean).join(", "), onclick: () => choose(well) },
      make("span", { class: "name", text: well }), " ", name === null ? null : make("span", { class: "line", text: String(name) }),
      more ? make("span", { class: "spoken", text: `, ${more}` }) : null);
    if (more) button.append(make("span", { class: lost ? "mark lost" : "mark", "aria-hidden": "true", text: lost ? "▲" : "●" }));
    buttons.set(well, button);
    return button;
  }
  const known = new Set(data.wells);
  const head = make("tr", {}, make("td", {}), ...columnNames.map((text) => make("th", { scope: "col", text })));
  const body = rowNames.map((row) => make("tr", {}, make("th", { scope: "row", text: row }), ...columnNames.map((column) => {
    const well = row + String(column).padStart(2, "0");
    return make("td", {}, known.has(well) ? wellButton(well) : null);
  })));
  const grid = make("table", { class: "plate-grid", "aria-label": "Wells of the plate; arrow keys move" },
    make("caption", { text: "Wells. ▲ some frames not measured, ● some frames flagged." }), make("thead", {}, head), make("tbody", {}, ...body));
  grid.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const from = event.target.dataset && event.target.dataset.well;
    if (!step || !from) return;
    event.preventDefault();
    let [row, column] = [rowNames.indexOf(position(from)[0]), columnNames.indexOf(position(from)[1])];
    for (;;) {
      row += step[0];
      column += step[1];
      if (row < 0 || column < 0 || row >= rowNames.length || column >= columnNames.length) return;
      const button = buttons.get(rowNames[row] + String(columnNames[column]).padStart(2, "0"));
      if (button && !button.disabled) return focusButton(button);
    }
  });
  function focusButton(button) {
    buttons.forEach((other) => (other.tabIndex = -1));
    button.tabIndex = 0;
    button.focus();
  }

  // ---- frames

  const panel = make("section", { class: "well-panel", "aria-labelledby": "well-title" });
  let outlinesOn = true;
  function paint(element, layers, at) {
    element.style.backgroundImage = layers.filter(Boolean).map((address) => `url("${address}")`).join(", ");
    element.style.backgroundSize = `${at.columns * 100}% ${at.rows * 100}%`;
    const share = (i, n) => (n > 1 ? (100 * i) / (n - 1) : 0);
    element.style.backgroundPosition = `${share(at.column, at.columns)}% ${share(at.row, at.rows)}%`;
  }
  function tile(label, caption, size, image, outlines, at, large) {
    const picture = make(large ? "button" : "div", { class: "tile", role: large ? null : "img", type: large ? "button" : null,
      "aria-label": large ? `${label}: enlarge` : label, title: large ? "Enlarge" : null, onclick: large ? () => enlarge(large, label) : null });
    picture.style.aspectRatio = `${size[1]} / ${size[0]}`;
    picture.style.width = size[1] + "px";
    const refresh = () => paint(picture, [outlinesOn ? outlines : null, image], at);
    refresh();
    picture.refresh = refresh;
    return make("figure", {}, picture, make("figcaption", { text: caption }));
  }
  function marksOf(well) {
    const found = new Map();
    if (data.marked) for (const [t, field, code] of data.marked.frames[well] || []) {
      const key = t + ":" + field;
      found.set(key, (found.get(key) ? found.get(key) + ", " : "") + data.marked.codes[code]);
    }
    return found;
  }
  function inlineFrames(well, marks) {
    return (data.sheets[well] || []).map((sheet) => {
      const files = data.folder && (data.folder.sheets[well] || []).find((file) => file[0] === sheet.t);
      const tiles = sheet.tiles.map(([field, cells], i) => {
        const index = data.fields.indexOf(field);
        const mark = marks.get(sheet.t + ":" + index);
        const words = `Phase-contrast frame of well ${well}, field ${field}, ${data.hours[sheet.t]} h` +
          (cells === null ? "" : `, ${cells} cells outlined`);
        const caption = `field ${field} · ${cells === null ? "no labels kept" : cells + " cells"}${mark ? " · " + mark : ""}`;
        const at = { column: i, columns: sheet.tiles.length, row: 0, rows: 1 };
        const large = files && files[3].includes(index) ? [well, files, index, cells !== null] : null;
        return tile(words, caption, sheet.size, sheet.image, sheet.outlines, at, large);
      });
      return make("div", {}, make("h4", { text: `${data.hours[sheet.t]} h` + (data.frame_um ? ` · a frame is ${data.frame_um} µm wide` : "") }), make("div", { class: "tiles" }, ...tiles));
    });
  }
  function address(well, name) {
    return [folderName, well, name].map(encodeURIComponent).join("/") + ".webp";
  }
  function missingNote() {
    return make("p", { class: "warning", role: "status",
      text: `This picture is not here: the folder ${folderName} belongs beside this page. Make it with phasewell report.` });
  }
  // a picture of the folder is asked for once, so that a folder that is not there is told of and not a gap
  function probe(source, then) {
    const image = new Image();
    image.dataset.beside = "yes";
    image.onload = () => then(true);
    image.onerror = () => then(false);
    image.src = source;
  }
  function allFrames(well, marks, into, t) {
    const file = (data.folder.sheets[well] || []).find((entry) => entry[0] === t);
    if (!file) return into.replaceChildren(make("p", { class: "note", text: "No frame was measured at this hour." }));
    const source = address(well, file[1]);
    probe(source, (here) => {
      if (!here) return into.replaceChildren(missingNote());
      const columns = data.folder.columns;
      const rows = Math.ceil(data.fields.length / columns);
      into.replaceChildren(...data.fields.map((field, i) => {
        const mark = marks.get(t + ":" + i);
        const at = { column: i % columns, columns, row: Math.floor(i / columns), rows };
        return tile(`Frame of well ${well}, field ${field}, ${data.hours[t]} h${mark ? ", " + mark : ""}`, `field ${field}${mark ? " · " + mark : ""}`,
          data.folder.size, source, file[2] ? address(well, file[1] + "-outlines") : null, at, file[3].includes(i) ? [well, file, i, file[2]] : null);
      }));
      into.dataset.ready = "yes";
    });
  }
  const dialog = make("dialog", { class: "large", "aria-label": "One frame" });
  function enlarge([well, file, index, hasOutlines], label) {
    const source = address(well, `${file[1]}-f${index}`);
    const image = make("img", { alt: label, "data-beside": "yes" });
    const lines = hasOutlines ? make("img", { class: "outline", alt: "Outlines of the segmented cells", "data-beside": "yes" }) : null;
    image.onerror = () => dialog.replaceChildren(missingNote(), close);
    image.src = source;
    if (lines) {
      lines.src = address(well, `${file[1]}-f${index}-outlines`);
      lines.hidden = !outlinesOn;
    }
    const close = make("button", { type: "button", text: "Close", onclick: () => dialog.close() });
    const toggle = lines ? make("label", { class: "toggle" }, make("input", { type: "checkbox", checked: outlinesOn, onchange: (event) => (lines.hidden = !event.target.checked) }), " Show outlines") : null;
    dialog.replaceChildren(make("p", { text: label }), make("div", { class: "stack" }, image, lines), make("p", { class: "tools" }, toggle, close));
    dialog.showModal();
  }

  // ---- charts

  function withRows(spec, rows) {
    const name = spec.usermeta.tables[0].data;
    return { ...spec, datasets: { ...spec.datasets, [name]: rows } };
  }
  function chart(name, title, spec, rows, caption) {
    const element = make("div", { class: "chart", "data-well-chart": name });
    element.dataset.chart = ""; // named in messages only
    delete element.dataset.chart;
    const full = withRows(spec, rows);
    full.description = `${title}. ${spec.description}`;
    const fold = make("details", { class: "data" }, make("summary", { text: "Data of this chart" }));
    fold.dataset.title = title;
    page.addData(fold, `${chosen}-${name}`, full);
    const figure = make("figure", {}, element, make("figcaption", { text: caption }));
    page.draw(element, full);
    return make("div", {}, make("h4", { text: title }), figure, fold);
  }
  function growthChart(well) {
    const { spec, hours, wells, median } = data.charts.growth;
    if (wells[well].every(([cells]) => cells === null)) {
      return make("div", {}, make("h4", { text: `Growth of ${well}` }), make("p", { class: "note", text: "No field of this well was measured." }));
    }
    const banded = wells[well].some(([, low]) => low !== null); // one field has no spread
    const own = wells[well].map(([cells, low, high], t) => ({ of: "this well", hour: hours[t], cells, low, high }));
    const others = median.map((cells, t) => ({ of: "median of all wells", hour: hours[t], cells, low: null, high: null }));
    return chart("growth", `Growth of ${well}`, banded ? spec : { ...spec, layer: spec.layer.slice(1) }, [...own, ...others],
      banded ? "Band: one standard deviation over the fields of the well." : "One field at most was measured, so there is no spread to show.");
  }
  function densityChart(well) {
    if (!data.charts.density) return null;
    const { spec, area, wells } = data.charts.density;
    const curves = wells[well];
    if (!curves) return make("div", {}, make("h4", { text: "Cell size" }), make("p", { class: "note", text: "Too few cells for a density." }));
    const rows = curves.flatMap(([hour, , values]) => values.map((density, i) => ({ area: area[i], density, hour })));
    const counts = curves.map(([hour, cells]) => `${cells} cells at ${hour}`).join(", ");
    return chart("density", `Cell size in ${well}`, spec, rows, `Gaussian kernel on log10 of area, bandwidth by R's rule nrd0: ${counts}.`);
  }

  // ---- the chosen well

  function flagsTable(well) {
    const lines = data.flags[well] || [];
    if (!lines.length) return make("p", { class: "note", text: "Every expected frame of this well was measured, and none is flagged." });
    const rows = lines.map(([what, reason, words, n, first, last]) => [what, reason || what, words, n, first === last ? `${first} h` : `${first}–${last} h`]);
    return page.htmlTable([["What", "Reason or flag", "In words", "Frames", "Hours"], ...rows], `Flags of ${well}`);
  }
  function predictionsTable(well) {
    const rows = data.predictions.wells[well];
    if (!rows) return make("p", { class: "note", text: "No model predicts this well. Models are fitted by phasewell fit, and applied by phasewell predict." });
    const shownRows = rows.map((row) => [...row.slice(0, 4), row[4] === null && row[2] !== null ? "−∞" : row[4], row[5] === null && row[2] !== null ? "∞" : row[5]]);
    const table = page.htmlTable([["Model", "Of", "Measured", "Predicted", "From", "To"], ...shownRows], `Predictions for ${well}`);
    return make("div", {}, table, ...data.predictions.notes.map((text) => make("p", { class: "muted", text })));
  }
  function frames(well) {
    const marks = marksOf(well);
    const inside = inlineFrames(well, marks);
    const parts = [make("h4", { text: "Frames" })];
    if (!inside.length) parts.push(make("p", { class: "note", text: "No frame of this well can be shown here." }));
    else {
      parts.push(make("label", { class: "toggle" }, make("input", { type: "checkbox", checked: outlinesOn, onchange: (event) => {
        outlinesOn = event.target.checked;
        panel.querySelectorAll(".tile").forEach((element) => element.refresh());
      } }), " Show outlines"), make("div", { class: "hours" }, ...inside));
    }
    if (data.folder && (data.folder.sheets[well] || []).length) {
      const all = make("div", { class: "tiles all" });
      const select = make("select", { onchange: (event) => allFrames(well, marks, all, Number(event.target.value)) },
        ...data.hours.map((hour, t) => make("option", { value: t, text: `${hour} h` })));
      const fold = make("details", { class: "all-fields" }, make("summary", { text: `All ${data.fields.length} fields at any hour` }),
        make("p", { class: "tools" }, make("label", {}, "Hour ", select)), all);
      fold.addEventListener("toggle", () => fold.open && !all.childElementCount && allFrames(well, marks, all, Number(select.value)));
      parts.push(fold);
    }
    return parts;
  }
  function describe(well) {
    const i = data.wells.indexOf(well);
    return Object.entries(data.annotations).filter(([, values]) => values[i] !== null)
      .flatMap(([name, values]) => [make("dt", { text: name }), make("dd", { text: String(values[i]) })]);
  }
  function step(by) {
    const open = data.wells.filter((well) => shown === null || shown.has(well));
    const next = open[(open.indexOf(chosen) + by + open.length) % open.length];
    if (next) choose(next);
  }
  function choose(well, focus) {
    if (!known.has(well)) return;
    chosen = well;
    buttons.forEach((button, name) => {
      button.setAttribute("aria-pressed", String(name === well));
      button.tabIndex = name === well ? 0 : -1;
    });
    const title = make("h3", { id: "well-title", tabindex: "-1", text: `Well ${well}` });
    panel.replaceChildren(
      make("div", { class: "well-head" }, title,
        make("button", { type: "button", class: "previous", text: "Previous well", onclick: () => step(-1) }),
        make("button", { type: "button", class: "next", text: "Next well", onclick: () => step(1) })),
      make("dl", { class: "definitions" }, ...describe(well)),
      ...frames(well),
      make("div", { class: "well-charts" }, growthChart(well), densityChart(well)),
      make("h4", { text: "Flags" }), flagsTable(well),
      make("h4", { text: "Predictions" }), predictionsTable(well)
    );
    place.dataset.well = well;
    if (location.hash !== `#well-${well}`) history.replaceState(null, "", `#well-${well}`);
    if (focus) {
      place.scrollIntoView({ block: "start" });
      title.focus({ preventScroll: true });
    }
  }
  page.onWell((well) => choose(well, true));
  window.addEventListener("hashchange", () => choose(location.hash.replace(/^#well-/, ""), true));

  page.showWells = function (wells) {
    shown = wells;
    buttons.forEach((button, name) => (button.disabled = wells !== null && !wells.has(name)));
    if (wells !== null && wells.size && !wells.has(chosen)) choose([...wells][0]);
  };
  place.append(make("div", { class: "scroll" }, grid), panel, dialog);
  const asked = location.hash.replace(/^#well-/, "");
  const before = location.hash;
  choose(known.has(asked) ? asked : data.wells[0], known.has(asked));
  if (!known.has(asked)) history.replaceState(null, "", location.pathname + location.search + before);
})();
