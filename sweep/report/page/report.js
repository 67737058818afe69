"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const byId = (name) => document.getElementById(name);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const MINUS = "\u2212";
  const minus = (text) => text.replace("-", MINUS);
  const signed = (value, digits) => {
    const text = value.toFixed(digits);
    return Number(text) === 0 ? text.replace("-", "") : (value > 0 ? "+" : "") + minus(text);
  };
  const short = (value) => minus(String(Number(value.toPrecision(4))));
  const SVG = "http://www.w3.org/2000/svg";
  const shape = (name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const cell = (tag, text, kind) => Object.assign(document.createElement(tag), { textContent: text, className: kind || "" });
  const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
  const legendOf = (entries) => {
    const legend = cell("ul", "", "legend");
    for (const [kind, text] of entries) {
      const item = document.createElement("li");
      const key = cell("span", "", `key ${kind}`);
      key.setAttribute("aria-hidden", "true");
      item.append(key, text);
      legend.append(item);
    }
    return legend;
  };
  const ticksOf = (low, high, count) => {
    const raw = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((one) => one >= raw);
    const out = [];
    for (let v = Math.ceil(low / step) * step; v <= high; v += step) out.push(v);
    return [out, Math.max(0, -Math.floor(Math.log10(step)))];
  };
  const unpack = async (text) => {
    const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  };

  // What scrolls sideways says so, by a fading edge where more is to come.
  const sideways = all(".scroll, .bar-top nav, .picker");
  const hint = (one) => {
    const left = one.scrollLeft > 4;
    const right = one.scrollLeft + one.clientWidth < one.scrollWidth - 4;
    one.dataset.more = [left && "left", right && "right"].filter(Boolean).join(" ");
  };
  const watcher = new ResizeObserver((entries) => entries.forEach((entry) => hint(entry.target)));
  for (const one of sideways) {
    one.addEventListener("scroll", () => hint(one), { passive: true });
    watcher.observe(one);
  }

  // Theme: the system's, until somebody chooses.
  const theme = byId("theme");
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);
  const showTheme = () => {
    theme.textContent = isDark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", `Use ${isDark() ? "light" : "dark"} colours`);
    theme.setAttribute("aria-pressed", String(Boolean(root.dataset.theme)));
  };
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    showTheme();
  });
  systemDark.addEventListener("change", showTheme);
  showTheme();

  // Maps of two parameters: medians of cells, made when the report was; drawn when they are seen.
  const drawMaps = async (section) => {
    const holder = section.querySelector(".maps");
    if (!holder || holder.dataset.drawn) return;
    holder.dataset.drawn = "1";
    const { axes, pairs } = await unpack(holder.querySelector("script").textContent);
    all(".chooser", holder).forEach((frame, k) => {
      const selects = ["x", "y"].map((name) => frame.querySelector(".m-" + name));
      const first = pairs[Math.min(k, pairs.length - 1)].axes;
      selects.forEach((select, s) => {
        select.append(...axes.map((axis, i) => option(i, axis.name)));
        select.value = first[s];
        select.addEventListener("change", () => {
          const other = selects[1 - s];
          if (other.value === select.value) other.value = axes.findIndex((_, i) => String(i) !== select.value);
          show();
        });
      });
      const show = () => {
        const [x, y] = selects.map((one) => Number(one.value));
        const pair = pairs.find((one) => one.axes.includes(x) && one.axes.includes(y));
        frame.querySelector(".map").replaceChildren(...mapOf(axes[x], axes[y], pair, pair.axes[0] === x, holder.dataset.what));
      };
      show();
    });
  };
  const logTicks = (low, high) => {
    const found = [];
    for (let p = Math.floor(Math.log10(low)); p <= Math.log10(high); p += 1) {
      for (const m of [1, 2, 5]) if (m * 10 ** p >= low && m * 10 ** p <= high) found.push(m * 10 ** p);
    }
    return found;
  };
  const FEW = 5; // sets that a cell needs to be called the best: the median of two is luck
  const mapOf = (across, up, pair, straight, what) => {
    const [width, height, left, right, top, bottom] = [460, 330, 64, 12, 12, 44];
    const scale = (axis, start, end) => {
      const level = axis.log ? Math.log : Number;
      const [low, high] = [level(axis.edges[0]), level(axis.edges[axis.edges.length - 1])];
      return (value) => +(start + ((level(value) - low) / (high - low)) * (end - start)).toFixed(2);
    };
    const [x, y] = [scale(across, left, width - right), scale(up, height - bottom, top)];
    const tall = straight ? up.centres.length : across.centres.length;
    const known = pair.median.filter((value) => value !== null).map(Math.abs).sort((a, b) => a - b);
    const reach = known[Math.floor(0.95 * (known.length - 1))] || 1;
    const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart narrow", role: "img" });
    const enough = Math.min(FEW, Math.max(...pair.sets));
    let best = null;
    across.centres.forEach((a, i) => up.centres.forEach((b, j) => {
      const place = straight ? i * tall + j : j * tall + i;
      const value = pair.median[place];
      if (value === null) return;
      const step = Math.min(5, Math.ceil((Math.abs(value) / reach) * 5));
      const tip = `${across.name} ${short(a)}, ${up.name} ${short(b)}: median ${what} ${signed(value, 3)} of ${pair.sets[place].toLocaleString("en")} sets`;
      if (pair.sets[place] >= enough && (!best || value > best[0])) best = [value, tip];
      svg.append(shape("rect", {
        x: x(across.edges[i]), y: y(up.edges[j + 1]), class: `cell ${step ? (value > 0 ? "p" : "n") + step : "z"}`,
        width: (x(across.edges[i + 1]) - x(across.edges[i])).toFixed(2),
        height: (y(up.edges[j]) - y(up.edges[j + 1])).toFixed(2), "data-tip": tip,
      }));
    }));
    svg.setAttribute("aria-label", `Median ${what} by ${across.name} and ${up.name}; best cell: ${best[1]}`);
    for (const [axis, at] of [[across, x], [up, y]]) {
      const [low, high] = [axis.edges[0], axis.edges[axis.edges.length - 1]];
      const values = axis.log && high / low > 4 ? logTicks(low, high) : ticksOf(low, high, 5)[0];
      for (const value of values) {
        const spot = axis === across ? { x: at(value), y: height - bottom + 18, class: "tick mid" } : { x: left - 6, y: at(value) + 4, class: "tick end" };
        svg.append(shape("text", spot, short(value)));
      }
    }
    svg.append(shape("text", { x: (left + width - right) / 2, y: height - 6, class: "title mid" }, across.name));
    svg.append(shape("text", { transform: `translate(13 ${(top + height - bottom) / 2}) rotate(-90)`, class: "title mid" }, up.name));
    across.near.forEach((value, i) => svg.append(shape("circle", { cx: x(value), cy: y(up.near[i]), r: 3, class: "near" })));
    const inside = (axis) => axis.configured !== null && axis.configured >= axis.edges[0] && axis.configured <= axis.edges[axis.edges.length - 1];
    if (inside(across) && inside(up)) {
      const [a, b] = [x(across.configured), y(up.configured)];
      svg.append(shape("path", { d: `M${a - 6} ${b + 5}h12l-6 -11z`, class: "configured-mark" }));
    }
    if (across.final !== null) {
      for (const kind of ["halo", "ring"]) svg.append(shape("circle", { cx: x(across.final), cy: y(up.final), r: 8, class: kind }));
    }
    const ramp = cell("div", "", "shades");
    const bar = cell("span", "", "ramp");
    bar.setAttribute("aria-hidden", "true");
    bar.append(..."n5 n4 n3 n2 n1 p1 p2 p3 p4 p5".split(" ").map((kind) => cell("i", "", kind)));
    ramp.append(cell("span", signed(-reach, 2), "num"), bar, cell("span", signed(reach, 2), "num"));
    ramp.append(legendOf([["ring", "final set"], ["near", "its plateau"], ["triangle", "configured"]]));
    const share = `These two explain ${Math.round(100 * pair.share)} % of the variance of ${what}. Best cell: ${best[1]}.`;
    return [ramp, svg, cell("figcaption", share)];
  };

  // One detector at a time; an address with its name opens it.
  const sections = all(".detector");
  const links = all(".picker a");
  const open = (name) => {
    if (!sections.some((one) => one.id === name)) return false;
    sections.forEach((one) => {
      one.classList.toggle("open", one.id === name);
      if (one.id === name) drawMaps(one);
    });
    links.forEach((link) => {
      if (link.hash === "#" + name) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
    return true;
  };
  const follow = () => {
    const name = decodeURIComponent(location.hash.slice(1));
    if (open(name)) byId(name).scrollIntoView();
  };
  if (sections.length) {
    const first = all(".verdicts tbody a")[0];
    open(first ? first.hash.slice(1) : sections[0].id);
    addEventListener("hashchange", follow);
    if (location.hash) follow();
  }

  // Sorting: numbers by data-v, empty cells last, equal rows stay in order.
  all("table").forEach((table) => {
    all("th[data-sort]", table).forEach((head) => {
      head.querySelector("button").addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        const order = head.dataset.sort === "num" ? down : !head.getAttribute("aria-sort") ? false : head.getAttribute("aria-sort") === "ascending";
        all("th", table).forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order ? "descending" : "ascending");
        const place = [...head.parentNode.children].indexOf(head);
        const numeric = head.dataset.sort === "num";
        const key = (row) => {
          const text = row.children[place].dataset.v;
          return numeric ? (text === "" ? NaN : text === "inf" ? Infinity : Number(text)) : text;
        };
        const rows = all("tbody tr", table).map((row) => [key(row), row]);
        rows.sort(([a], [b]) => {
          if (numeric) {
            if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
            return a === b ? 0 : order ? b - a : a - b;
          }
          return order ? b.localeCompare(a) : a.localeCompare(b);
        });
        table.tBodies[0].append(...rows.map(([, row]) => row));
      });
    });
  });

  // Filters of the leaderboard.
  const leaders = byId("leaders");
  if (leaders) {
    const chosen = ["detector", "symbol", "set"].map((name) => byId("f-" + name));
    const filter = () => {
      const [detector, symbol, set] = chosen.map((one) => one.value);
      let shown = 0;
      all("tbody tr", leaders).forEach((row) => {
        const data = row.dataset;
        const fits = (!detector || data.detector === detector) && data.symbol === symbol
          && (!set || (set === "improve" ? data.improve === "1" : set.split(" ").includes(data.role)));
        row.hidden = !fits;
        shown += fits;
      });
      byId("leaders-count").textContent = `${shown} rows`;
    };
    chosen.forEach((one) => one.addEventListener("change", filter));
    filter();
  }

  // Values under the pointer.
  const tip = byId("tip");
  const say = (text, event) => {
    tip.textContent = text;
    tip.hidden = false;
    const x = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    const y = event.clientY + 18 + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : event.clientY + 18;
    tip.style.left = `${Math.max(4, x)}px`;
    tip.style.top = `${y}px`;
  };
  const point = (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const marked = target && target.closest("[data-tip]");
    if (marked) return say(marked.dataset.tip, event);
    const chart = target && target.closest("svg.chart");
    const line = chart && chart.querySelector("[data-line]");
    if (line) {
      const steps = (line.steps ||= line.dataset.line.split("|"));
      const box = line.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      if (share >= 0 && share <= 1) return say(steps[Math.round(share * (steps.length - 1))], event);
    }
    tip.hidden = true;
  };
  addEventListener("pointermove", point);
  addEventListener("pointerdown", point);

  // Trade browser.
  const holder = byId("trade-data");
  if (!holder) return;
  unpack(holder.textContent).then(browse);

  function browse(data) {
  const { trades, days, opens } = data;
  const PAGE = 20;
  const n = trades.day.length;
  const word = (column, row) => trades[column].names[trades[column].codes[row]];
  const clock = (minutes) => `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
  const selects = Object.fromEntries(["detector", "role", "symbol", "order"].map((name) => [name, byId("t-" + name)]));
  const names = { detector: trades.detector.names, symbol: trades.symbol.names };
  // A set may be several at once, "final, fold 2": each of them finds it.
  names.role = [...new Set(trades.role.names.flatMap((text) => text.split(", ")))].sort();
  for (const [name, texts] of Object.entries(names)) {
    selects[name].append(option("", "all"), ...texts.map((text) => option(text, text)));
  }
  const ORDERS = [["time", "by time"], ["best", "best first"], ["worst", "worst first"], ["longest", "longest held first"]];
  selects.order.append(...ORDERS.map(([value, text]) => option(value, text)));
  if (names.role.includes("final")) selects.role.value = "final";
  addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("[data-trades]");
    if (!link) return;
    selects.detector.value = link.dataset.trades;
    filter();
  });
  let rows = [];
  let page = 0;
  let current = -1;
  let zoomed = false;
  const draw = () => {
    const body = byId("trades").tBodies[0];
    body.replaceChildren(...rows.slice(page * PAGE, (page + 1) * PAGE).map((row) => {
      const line = document.createElement("tr");
      line.dataset.row = row;
      if (row === current) line.setAttribute("aria-selected", "true");
      const first = document.createElement("td");
      const button = cell("button", days[trades.day[row]]);
      button.type = "button";
      button.setAttribute("aria-label", `Show the trade of ${days[trades.day[row]]} ${word("symbol", row)}`);
      first.append(button);
      line.append(
        first, cell("td", word("detector", row)), cell("td", word("symbol", row)),
        cell("td", trades.side[row] > 0 ? "long" : "short"),
        cell("td", clock(opens[trades.day[row]][0] + trades.entry[row]), "num"),
        cell("td", signed(trades.r_net[row], 2), "num"),
      );
      return line;
    }));
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    byId("t-page").textContent = `${rows.length.toLocaleString("en")} trades, page ${page + 1} of ${pages}`;
    byId("t-back").disabled = page === 0;
    byId("t-next").disabled = page >= pages - 1;
  };
  const filter = () => {
    const keep = ["detector", "role", "symbol"].map((name) => [name, selects[name].value]).filter(([, value]) => value);
    rows = [...Array(n).keys()].filter((row) => keep.every(([name, value]) => word(name, row).split(", ").includes(value)));
    const held = (row) => trades.exit[row] - trades.entry[row];
    const orders = {
      time: (a, b) => trades.day[a] - trades.day[b] || trades.entry[a] - trades.entry[b],
      best: (a, b) => trades.r_net[b] - trades.r_net[a],
      worst: (a, b) => trades.r_net[a] - trades.r_net[b],
      longest: (a, b) => held(b) - held(a),
    };
    rows.sort(orders[selects.order.value]);
    page = 0;
    draw();
    if (rows.length) choose(rows[0]);
    else byId("t-chart").replaceChildren(cell("p", "No trade fits.", "faint"));
  };
  Object.values(selects).forEach((one) => one.addEventListener("change", filter));
  byId("t-back").addEventListener("click", () => { page -= 1; draw(); });
  byId("t-next").addEventListener("click", () => { page += 1; draw(); });
  byId("trades").addEventListener("click", (event) => {
    const line = event.target.closest("tbody tr");
    if (line) choose(Number(line.dataset.row));
  });
  byId("trades").addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || current < 0) return;
    event.preventDefault();
    const next = rows.indexOf(current) + step;
    if (next < 0 || next >= rows.length) return;
    page = Math.floor(next / PAGE);
    choose(rows[next]);
  });

  const session = (packed) => {
    const [places, opened, body, upper, lower, vwap] = packed;
    let place = 0;
    let close = 0;
    return places.map((step, i) => {
      place += step;
      const begin = close + opened[i];
      close = begin + body[i];
      return {
        minute: place * data.minutes, open: begin / 1000, close: close / 1000,
        high: (Math.max(begin, close) + upper[i]) / 1000, low: (Math.min(begin, close) - lower[i]) / 1000,
        vwap: vwap ? (close + vwap[i]) / 1000 : null,
      };
    });
  };
  const choose = (row) => {
    const focused = byId("trades").contains(document.activeElement);
    current = row;
    draw();
    const chosen = byId("trades").querySelector("tr[aria-selected] button");
    if (focused && chosen) chosen.focus();
    const list = (data.bars[word("symbol", row)] || {})[trades.day[row]];
    byId("t-chart").replaceChildren(...view(row, list ? session(list) : []));
  };
  const view = (row, list) => {
    const day = trades.day[row];
    const [newYork, utc, length] = opens[day];
    const side = trades.side[row] > 0 ? "Long" : "Short";
    const title = cell("h3", `${side} ${word("symbol", row)}, ${days[day]}, ${signed(trades.r_net[row], 2)} R`);
    const at = (minute) => `${clock(newYork + minute)} New York (${clock((utc + minute) % 1440)} UTC)`;
    const held = trades.exit[row] - trades.entry[row];
    const price = (name) => trades[name][row].toFixed(trades[name][row] < 10 ? 4 : 2);
    const facts = [
      ["Detector", word("detector", row)], ["Set", word("role", row)],
      ["Signal", at(trades.signal[row])], ["Entry", `${price("entry_price")} at ${at(trades.entry[row])}`],
      ["Stop", price("stop")], ["Target", price("target")],
      ["Exit", `${price("exit_price")} at ${at(trades.exit[row])}, ${word("reason", row)}`],
      ["Gross", `${signed(trades.r_gross[row], 3)} R`], ["Net", `${signed(trades.r_net[row], 3)} R`], ["Held", `${held} min`],
      ["Score", trades.score[row].toFixed(0)], ["Ambiguous", trades.ambiguous[row] ? "yes: one bar touched stop and target" : "no"],
    ];
    const table = document.createElement("dl");
    table.className = "trade-facts";
    for (const [name, value] of facts) {
      const pair = document.createElement("div");
      pair.append(cell("dt", name), cell("dd", value));
      table.append(pair);
    }
    if (!list.length) return [title, cell("p", "The bars of this session are not in the report.", "faint"), table];
    const marks = [["k-target", "target"], ["k-stop", "stop"], ["near", "entry"], ["ring-ink", "exit"]];
    if (list[0].vwap !== null) marks.unshift(["k-vwap", "VWAP"]);
    const near = cell("button", zoomed ? "Whole session" : "Around the trade");
    near.type = "button";
    near.addEventListener("click", () => {
      zoomed = !zoomed;
      choose(row);
      byId("t-chart").querySelector("button").focus();
    });
    const around = 12 * data.minutes;
    const span = zoomed ? [Math.max(0, trades.signal[row] - around), Math.min(length, trades.exit[row] + around)] : [0, length];
    const shown = list.filter((bar) => bar.minute + data.minutes > span[0] && bar.minute < span[1]);
    const chart = chartOf(row, shown.length ? shown : list, span, newYork);
    return [title, legendOf(marks), chart, near, table];
  };
  const chartOf = (row, list, [from, to], newYork) => {
    const [width, height, left, right, top, bottom] = [620, 360, 64, 50, 10, 40];
    const prices = ["stop", "target", "entry_price", "exit_price"].map((name) => trades[name][row]);
    const lows = list.map((bar) => bar.low);
    const highs = list.map((bar) => bar.high);
    const reach = Math.max(...highs) - Math.min(...lows);
    const near = prices.filter((p) => p > Math.min(...lows) - reach && p < Math.max(...highs) + reach);
    let [low, high] = [Math.min(...lows, ...near), Math.max(...highs, ...near)];
    [low, high] = [low - (high - low) * 0.04, high + (high - low) * 0.04];
    const x = (minute) => +(left + ((minute - from) / (to - from)) * (width - left - right)).toFixed(2);
    const y = (price) => +(top + ((high - price) / (high - low)) * (height - top - bottom)).toFixed(2);
    const svg = shape("svg", {
      viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img",
      "aria-label": `Session chart: entry ${prices[2]}, stop ${prices[0]}, target ${prices[1]}, exit ${prices[3]}`,
    });
    const [ticks, digits] = ticksOf(low, high, 5);
    for (const value of ticks) {
      svg.append(shape("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "grid" }));
      svg.append(shape("text", { x: left - 6, y: y(value) + 4, class: "tick end" }, value.toFixed(digits)));
    }
    const every = to - from > 180 ? 60 : to - from > 60 ? 30 : 10;
    const first = from + ((every - ((newYork + from) % every)) % every);
    for (let minute = first; minute <= to; minute += every) {
      svg.append(shape("text", { x: x(minute), y: height - 22, class: "tick mid" }, clock(newYork + minute)));
    }
    svg.append(shape("text", { x: (left + width) / 2, y: height - 4, class: "title mid" }, "time, New York"));
    const begin = x(trades.entry[row]);
    const end = x(trades.exit[row] + 1);
    svg.append(shape("rect", { x: begin, width: Math.max(1, end - begin), y: top, height: height - top - bottom, class: "held" }));
    svg.append(shape("line", { x1: x(trades.signal[row]), x2: x(trades.signal[row]), y1: top, y2: height - bottom, class: "signal" }));
    const half = Math.max(1, ((width - left - right) / ((to - from) / data.minutes)) * 0.32);
    let ups = "";
    let downs = "";
    for (const bar of list) {
      const middle = x(bar.minute + data.minutes / 2);
      const [upper, lower] = [y(Math.max(bar.open, bar.close)), y(Math.min(bar.open, bar.close))];
      const drawn = `M${middle} ${y(bar.high)}V${upper}M${middle} ${lower}V${y(bar.low)}`
        + `M${middle - half} ${upper}H${middle + half}V${Math.max(lower, upper + 0.75)}H${middle - half}Z`;
      if (bar.close >= bar.open) ups += drawn;
      else downs += drawn;
    }
    svg.append(shape("path", { d: ups, class: "up" }), shape("path", { d: downs, class: "down" }));
    if (list[0].vwap !== null) {
      const line = list.map((bar, i) => `${i ? "L" : "M"}${x(bar.minute + data.minutes)} ${y(bar.vwap)}`).join("");
      svg.append(shape("path", { d: line, class: "vwap" }));
    }
    for (const [name, price] of [["stop", prices[0]], ["target", prices[1]]]) {
      if (price <= low || price >= high) continue;
      svg.append(shape("line", { x1: begin, x2: width - right, y1: y(price), y2: y(price), class: name }));
      svg.append(shape("text", { x: width - right + 4, y: y(price) + 4, class: "tick" }, name));
    }
    const [a, b] = [y(prices[2]), y(prices[3])];
    svg.append(shape("circle", { cx: begin, cy: a, r: 5, class: "entry-mark" }));
    svg.append(shape("circle", { cx: end, cy: b, r: 6, class: "exit-mark" }));
    return svg;
  };
  filter();
  }
})();
