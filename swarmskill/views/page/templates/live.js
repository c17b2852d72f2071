// Follows a run: every event makes the page be fetched anew, though never more often than it can be made.
"use strict";
const run = encodeURIComponent(document.body.dataset.run);
const mayAct = document.body.dataset.act === "yes";
const live = document.getElementById("live");
const pulse = document.getElementById("pulse");
const said = document.getElementById("said");
const dialog = document.getElementById("confirm");

let due = 0, fetching = false, again = false;

function schedule(wait) {
  if (fetching) { again = true; return; }
  if (!due) { due = setTimeout(refresh, wait); }
}

async function refresh() {
  due = 0;
  fetching = true;
  const begun = performance.now();
  try {
    const answer = await fetch(`/runs/${run}/live`);
    if (answer.ok) { show(await answer.text()); } else { tell(`the page cannot be made anew (${answer.status})`, true); }
  } catch { /* the server is gone; the stream says so */ }
  fetching = false;
  const wait = Math.max(300, 3 * (performance.now() - begun));
  if (again) { again = false; schedule(wait); } else if (running()) { due = setTimeout(refresh, Math.max(5000, wait)); }
}

function show(html) {
  // Escaped on the server, and the policy of this page runs no script that comes with it.
  const scrolled = [...live.querySelectorAll(".card")].map((card) => card.scrollLeft);
  live.innerHTML = html;
  [...live.querySelectorAll(".card")].forEach((card, index) => { card.scrollLeft = scrolled[index] ?? 0; });
  for (const button of document.querySelectorAll("header button.act")) { button.disabled = !running(); }
  for (const button of live.querySelectorAll("button.act")) { button.hidden = !mayAct; }
  document.title = `${outcome()} · ${document.body.dataset.run}`;
}

function outcome() { return document.getElementById("outcome")?.textContent ?? ""; }
function running() { return outcome() === "running"; }

function tell(text, bad) {
  said.textContent = text;
  said.className = bad ? "bad" : "";
}

const questions = {
  stop: () => "Stop this run, and the runs that its workers started? Workers in flight finish; nothing new starts. It can be resumed.",
  "kill-tree": () => "Kill all workers of this run, and of the runs that they started, now? Finished work is kept. It can be resumed.",
  retry: (task) => `Try task ${task} again, and what was skipped because of it?`,
};

function ask(question) {
  document.getElementById("question").textContent = question;
  dialog.showModal();
  return new Promise((resolve) => {
    document.getElementById("yes").onclick = () => dialog.close("yes");
    document.getElementById("no").onclick = () => dialog.close("no");
    dialog.onclose = () => { resolve(dialog.returnValue === "yes"); dialog.returnValue = ""; };
  });
}

document.addEventListener("click", async (click) => {
  const button = click.target.closest("button.act");
  if (!button) { return; }
  const { act, task } = button.dataset;
  if (!await ask(questions[act](task))) { return; }
  const path = act === "retry" ? `tasks/${encodeURIComponent(task)}/retry` : act;
  tell("asking…");
  try {
    const answer = await fetch(`/api/runs/${run}/${path}`, { method: "POST" });
    const told = await answer.json();
    if (answer.ok) { tell(told.detail ?? `run ${told.run_id} goes on`); } else { tell(`${told.error.message}. ${told.error.hint}`, true); }
  } catch { tell("the server does not answer", true); }
  schedule(0);
});

const events = new EventSource(`/api/runs/${run}/events?after=end&stay=true`);
events.onopen = () => { pulse.className = "pulse on"; pulse.title = "connected"; schedule(0); };
events.onerror = () => { pulse.className = "pulse"; pulse.title = "not connected"; };
events.onmessage = () => schedule(50);
refresh();
