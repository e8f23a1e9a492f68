"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 760px)");
  const palette = {
    light: ["#2f6db3", "#d1495b", "#2e8b57", "#b8860b", "#7b4fa3", "#1793a5", "#a0522d", "#5f6b7a", "#c2528b", "#6a8f1f"],
    dark: ["#7fb2ea", "#f28b96", "#6fd598", "#f0bd58", "#c3a0e6", "#66d3e0", "#e0a37f", "#aab6c5", "#f19ac4", "#b9d86a"],
  };
  const symbols = ["circle", "rect", "triangle", "diamond", "pin", "arrow"];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Text nodes, never markup: names come from files and from other hosts.
  function tip(title, rows) {
    const box = document.createElement("div");
    const head = box.appendChild(document.createElement("b"));
    head.textContent = title;
    for (const row of rows) {
      const line = box.appendChild(document.createElement("div"));
      line.textContent = row;
    }
    return box;
  }

  function seconds(value) {
    if (value < 10) return value.toFixed(2) + " s";
    if (value < 60) return value.toFixed(1) + " s";
    const whole = Math.round(value);
    const parts = [Math.floor(whole / 60) % 60, whole % 60].map((n) => String(n).padStart(2, "0"));
    return whole < 3600 ? Math.floor(whole / 60) + ":" + parts[1] : Math.floor(whole / 3600) + ":" + parts.join(":");
  }

  // The unit in which an axis up to `most` seconds has round ticks.
  function unitFor(most) {
    if (most < 120) return { size: 1, name: "s" };
    return most < 7200 ? { size: 60, name: "min" } : { size: 3600, name: "h" };
  }

  function power(value) {
    const exponent = Math.round(Math.log10(value));
    return exponent >= 0 && exponent <= 3 ? String(10 ** exponent) : "1e" + exponent;
  }

  function common() {
    // A real family: with "inherit" the library measures another font than the page shows, and texts overlap.
    const text = { color: css("--ink"), fontFamily: getComputedStyle(document.body).fontFamily };
    return {
      animation: false,
      backgroundColor: "transparent",
      textStyle: text,
      color: dark.matches ? palette.dark : palette.light,
      tooltip: {
        confine: true,
        backgroundColor: css("--card"),
        borderColor: css("--line"),
        textStyle: { color: css("--ink"), fontSize: 13 },
      },
      legend: {
        type: "scroll",
        top: 0,
        left: 0,
        right: 0,
        itemWidth: 22,
        textStyle: { color: css("--ink") },
        inactiveColor: css("--line"),
        pageTextStyle: { color: css("--quiet") },
        pageIconColor: css("--accent"),
        pageIconInactiveColor: css("--line"),
      },
    };
  }

  function timeAxis(unit, more) {
    const label = (value) => Number(value.toPrecision(3)) + " " + unit.name;
    return valueAxis(Object.assign({ axisLabel: { color: css("--quiet"), hideOverlap: true, formatter: label } }, more));
  }

  function valueAxis(more) {
    return Object.assign(
      {
        axisLine: { show: true, lineStyle: { color: css("--line") } },
        axisTick: { show: false },
        axisLabel: { color: css("--quiet"), hideOverlap: true },
        splitLine: { lineStyle: { color: css("--grid") } },
        minorSplitLine: { show: false },
      },
      more
    );
  }

  function convergence() {
    const series = data.convergence;
    const ends = series.map((s) => s.points[s.points.length - 1][0]);
    // Runs of a second and of an hour do not fit one linear axis.
    const spread = Math.max(...ends) / Math.max(Math.min(...ends), 0.01) > 30;
    const unit = spread ? unitFor(0) : unitFor(Math.max(...ends));
    const first = Math.min(...series.map((s) => s.points.find((p) => p[0] > 0)?.[0] ?? 1));
    const drawn = (s) => (spread ? s.points.filter((p) => p[0] >= first) : s.points).map((p) => [p[0] / unit.size, p[1]]);
    return Object.assign(common(), {
      grid: { left: 8, right: 24, top: 44, bottom: 8, containLabel: true },
      xAxis: timeAxis(unit, spread ? { type: "log", min: first / unit.size } : { type: "value", min: 0 }),
      yAxis: valueAxis({ type: "log", axisLabel: { color: css("--quiet"), formatter: power } }),
      tooltip: Object.assign(common().tooltip, {
        trigger: "item",
        formatter: (p) => tip(p.seriesName, ["at " + seconds(p.value[0] * unit.size), "residual " + p.value[1].toExponential(2)]),
      }),
      series: series.map((s, i) => ({
        name: s.name,
        type: "line",
        data: drawn(s),
        showSymbol: s.points.length <= 60 && series.length <= 12,
        symbol: symbols[Math.floor(i / 10) % symbols.length],
        symbolSize: 6,
        lineStyle: { width: 2, type: s.by_objective ? "dashed" : "solid" },
        emphasis: { focus: "series" },
      })),
    });
  }

  // Rows from top to bottom; on a phone the names stand above their bars.
  function rowAxis(names) {
    return {
      type: "category",
      inverse: true,
      data: names,
      axisLine: { lineStyle: { color: css("--line") } },
      axisTick: { show: false },
      axisLabel: narrow.matches
        ? { color: css("--ink"), inside: true, align: "left", verticalAlign: "bottom", padding: [0, 0, 9, -4], fontSize: 12 }
        : { color: css("--ink"), interval: 0, width: 300, overflow: "truncate" },
      z: 3,
    };
  }

  function bars(names, labels, spansOf, startOf) {
    const rows = names.map((_, row) => row);
    const unit = unitFor(Math.max(...rows.map((row) => spansOf(row).reduce((sum, span) => sum + span, startOf(row)))));
    const stack = (extra) => Object.assign({ type: "bar", stack: "all", barMaxWidth: narrow.matches ? 12 : 18 }, extra);
    const gap = stack({ data: rows.map((row) => startOf(row) / unit.size), silent: true, itemStyle: { color: "transparent" } });
    const parts = labels.map((name, i) => stack({ name, data: rows.map((row) => spansOf(row)[i] / unit.size) }));
    return Object.assign(common(), {
      grid: narrow.matches
        ? { left: 4, right: 20, top: 36, bottom: 26 }
        : { left: 8, right: 24, top: 36, bottom: 8, containLabel: true },
      xAxis: timeAxis(unit, { type: "value", min: 0 }),
      yAxis: rowAxis(names),
      tooltip: Object.assign(common().tooltip, {
        trigger: "axis",
        axisPointer: { type: "shadow" },
        formatter: (points) => {
          const row = points[0].dataIndex;
          const spans = labels.map((label, i) => [label, spansOf(row)[i]]).filter((pair) => pair[1] > 0);
          return tip(names[row], spans.map((pair) => pair[0] + ": " + seconds(pair[1])));
        },
      }),
      series: [gap, ...parts],
    });
  }

  function timeline() {
    const rows = data.timeline;
    const names = rows.map((r) => (narrow.matches ? r.host + " \u00b7 " + r.run : r.run));
    const option = bars(names, data.parts, (row) => rows[row].spans_s, (row) => rows[row].start_s);
    // Each host once, beside its first row.
    const hosts = rows.map((r, i) => (i > 0 && rows[i - 1].host === r.host ? "" : r.host));
    const hostAxis = Object.assign(rowAxis(hosts), { position: "right", axisLine: { show: false } });
    hostAxis.axisLabel = { color: css("--quiet"), interval: 0, width: 180, overflow: "truncate" };
    if (!narrow.matches) option.yAxis = [option.yAxis, hostAxis];
    option.legend.data = data.parts.filter((_, i) => rows.some((r) => r.spans_s[i] > 0));
    const tones = dark.matches
      ? ["#3a4552", "#8a4a4a", "#b78a3a", "#5b93d6", "#5fae86"]
      : ["#d3dae3", "#d99a9a", "#e3b75c", "#4a86c8", "#6db58f"];
    option.series.slice(1).forEach((s, i) => (s.itemStyle = { color: tones[i] }));
    return option;
  }

  function phases() {
    const { names, rows } = data.phases;
    const option = bars(rows.map((r) => r.run), names, (row) => rows[row].seconds, () => 0);
    option.legend.data = names;
    return option;
  }

  const rowsHeight = (rows) => 56 + rows * (narrow.matches ? 34 : 26);
  const figures = [
    ["convergence", convergence, () => (narrow.matches ? 320 : 400)],
    ["timeline", timeline, () => rowsHeight(data.timeline.length)],
    ["phases", phases, () => rowsHeight(data.phases.rows.length)],
  ];
  const charts = [];
  for (const [key, option, height] of figures) {
    const box = document.getElementById("chart-" + key);
    if (!box) continue;
    box.style.height = height() + "px";
    charts.push([echarts.init(box, null, { renderer: "svg" }), box, option, height]);
  }
  function draw() {
    for (const [chart, box, option, height] of charts) {
      box.style.height = height() + "px";
      chart.resize();
      chart.setOption(option(), true);
    }
  }
  draw();
  document.querySelectorAll("pre.tail").forEach((tail) => (tail.scrollTop = tail.scrollHeight));
  dark.addEventListener("change", draw);
  narrow.addEventListener("change", draw);
  window.addEventListener("resize", () => charts.forEach(([chart]) => chart.resize()));
})();
