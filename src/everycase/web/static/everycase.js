// The one script of the service: keyboard, live progress, relative times. Every page works without it.
"use strict";

const jumps = { o: "/", f: "/failures", r: "/runs", s: "/search", c: "/cases" };
let leader = 0;

function isTyping(target) {
  return target.matches("input, select, textarea, [contenteditable]");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "/") {
    const find = document.querySelector("main input[type=search], header input[type=search]");
    if (find) {
      event.preventDefault();
      find.focus();
      find.select();
    }
  } else if (event.key === "g") {
    leader = Date.now();
  } else if (Date.now() - leader < 1500 && jumps[event.key]) {
    leader = 0;
    location.href = jumps[event.key];
  }
});

const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const spoken = new Intl.RelativeTimeFormat("en", { numeric: "always" });

function ageOf(moment) {
  const seconds = (Date.parse(moment) - Date.now()) / 1000;
  const [unit, size] = units.find(([, s]) => Math.abs(seconds) >= s) || units[3];
  return spoken.format(Math.trunc(seconds / size), unit);
}

function showAges() {
  for (const time of document.querySelectorAll("time[data-age]")) time.textContent = ageOf(time.dateTime);
}
showAges();
setInterval(showAges, 20000);

const live = document.querySelector("[data-live]");

function showRun(box, run) {
  const bar = box.querySelector("progress");
  box.querySelector("[data-phase]").textContent = run.phase;
  if (run.total === null) {
    bar.removeAttribute("value");
  } else {
    bar.max = Math.max(run.total, 1);
    bar.value = run.done;
  }
  const share = run.share === null ? "" : ` (${Math.floor(run.share * 100)} %)`;
  const total = run.total === null ? "" : ` of ${run.total.toLocaleString("en")}`;
  const failed = run.failed ? `, ${run.failed.toLocaleString("en")} failed` : "";
  box.querySelector("[data-count]").textContent = `${run.done.toLocaleString("en")}${total}${share}${failed}`;
}

function follow() {
  const shown = new Set([...live.querySelectorAll("[data-run]")].map((box) => box.dataset.run));
  const events = new EventSource("/api/live");
  const order = document.querySelector("[data-order]");
  events.addEventListener("orders", (event) => {
    if (order && JSON.parse(event.data)[order.dataset.order] !== order.dataset.state) {
      events.close();
      location.reload();
    }
  });
  events.addEventListener("runs", (event) => {
    const runs = JSON.parse(event.data);
    const now = new Set(runs.map((run) => run.run_id));
    const isOther = runs.some((run) => !shown.has(run.run_id)) || [...shown].some((id) => !now.has(id));
    if (isOther && !isTyping(document.activeElement)) {
      events.close();
      location.reload();
      return;
    }
    for (const run of runs) {
      const box = live.querySelector(`[data-run="${run.run_id}"]`);
      if (box) showRun(box, run);
    }
  });
}
if (live) follow();
