// The run's page while the run works: follows its events, swaps the fragment in, opens steps in place.
// Without this script the page shows the same, as it was when it was loaded.
(() => {
  "use strict";

  const POLL_MS = 2000;
  const TICK_MS = 5000;
  const CALM_MS = 250;
  const page = document.getElementById("cef-run");

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    navigator.clipboard.writeText(button.dataset.copy).then(() => {
      const label = button.textContent;
      button.textContent = "copied";
      setTimeout(() => { button.textContent = label; }, 1500);
    });
  });

  async function load(url) {
    const response = await fetch(url, { headers: { "X-Requested-With": "fetch" }, credentials: "same-origin" });
    if (!response.ok || response.redirected) throw new Error(`${url}: ${response.status}`);
    return response.text();
  }

  // Steps are opened in place; what was loaded stays, for a recorded step never changes.
  async function openStep(body) {
    if (body.dataset.loaded) return;
    try {
      body.innerHTML = await load(body.dataset.source);
      body.dataset.loaded = "1";
    } catch { /* The link to the step's own page is still there. */ }
  }

  document.addEventListener("toggle", (event) => {
    if (event.target.open) event.target.querySelectorAll?.("[data-source]").forEach(openStep);
  }, true);

  if (!page) return;

  let source = null;
  let polling = null;
  let ticking = null;
  let refreshing = null;
  let stale = false;
  let retryLiveAt = 0;
  let heardBeginning = false;
  let missed = false;

  const fragment = () => page.querySelector("[data-live]");
  const isActive = () => fragment()?.dataset.active === "1";

  function keepOpenSteps(fresh) {
    for (const details of page.querySelectorAll("details[data-step][open]")) {
      const successor = fresh.querySelector(`details[data-step="${details.dataset.step}"]`);
      const body = details.querySelector("[data-source]");
      if (!successor) continue;
      successor.open = true;
      if (body.dataset.loaded) successor.querySelector("[data-source]").replaceWith(body);
    }
  }

  // What was spoken since the last recorded step is told only once, so it moves on until that step is there.
  function keepSpoken(fresh) {
    const spoken = page.querySelector("[data-speaking]");
    const successor = fresh.querySelector("[data-speaking]");
    if (!spoken?.textContent || !successor || fragment().dataset.steps !== fresh.dataset.steps) return;
    successor.replaceWith(spoken);
    fresh.querySelector("[data-silent]")?.remove();
  }

  // A form that somebody is filling in stays as it is, with the cursor where it was.
  function keepForms(fresh) {
    const focused = document.activeElement;
    for (const form of page.querySelectorAll("[data-keep]")) {
      fresh.querySelector(`[data-keep="${form.dataset.keep}"]`)?.replaceWith(form);
    }
    return () => { if (focused !== document.activeElement && focused?.closest("[data-keep]")) focused.focus(); };
  }

  async function refresh() {
    if (refreshing) { stale = true; return refreshing; }
    refreshing = (async () => {
      try {
        const parsed = new DOMParser().parseFromString(await load(page.dataset.fragment), "text/html");
        const fresh = parsed.querySelector("[data-live]");
        if (!fresh) return;
        const scrolled = page.querySelector(".cef-waterfall")?.scrollLeft ?? 0;
        keepOpenSteps(fresh);
        keepSpoken(fresh);
        const refocus = keepForms(fresh);
        fragment().replaceWith(fresh);
        refocus();
        const waterfall = page.querySelector(".cef-waterfall");
        if (waterfall) waterfall.scrollLeft = scrolled;
        showMode();
      } catch { /* The next event or poll tries again. */ }
    })();
    await refreshing;
    refreshing = null;
    if (!isActive()) stop();
    else if (stale) { stale = false; setTimeout(refresh, CALM_MS); }
  }

  function showMode() {
    const dot = page.querySelector("[data-dot]");
    if (!dot) return;
    dot.dataset.dot = polling ? "polling" : "live";
    dot.title = polling ? "Asking every two seconds" : "Following live";
  }

  // What was said before this page listened comes first, as one piece that takes the place of what is shown.
  function speak({ text, so_far: soFar }) {
    const speaking = page.querySelector("[data-speaking]");
    if (!speaking) return;
    if (soFar) {
      speaking.textContent = "";
      heardBeginning = !missed;
      missed = false;
    }
    if (!speaking.textContent && !heardBeginning) speaking.append("… ");
    speaking.append(text);
    speaking.scrollTop = speaking.scrollHeight;
    page.querySelector("[data-silent]")?.remove();
  }

  function follow() {
    const address = fragment()?.dataset.live;
    if (!address || source) return;
    source = new EventSource(address);
    source.onopen = () => { clearInterval(polling); polling = null; showMode(); };
    source.addEventListener("delta", (event) => speak(JSON.parse(event.data)));
    source.addEventListener("gap", () => { missed = true; });
    for (const name of ["step.recorded", "run.queued", "run.started", "run.released", "run.resumed", "run.waiting",
      "run.succeeded", "run.failed", "run.cancelled", "run.cancel_requested", "wait.decided",
      "wait.resolved", "effect.resolved", "gap", "done"]) {
      source.addEventListener(name, () => {
        heardBeginning ||= name === "run.started" || name === "step.recorded";
        refresh();
      });
    }
    source.addEventListener("done", () => stop());
    source.onerror = () => {
      // A ticket is good for a minute, so a reconnection needs the fresh one that a fragment brings.
      source.close();
      source = null;
      retryLiveAt = Date.now() + 10_000;
      poll();
    };
  }

  function poll() {
    if (polling) return;
    polling = setInterval(async () => {
      await refresh();
      if (isActive() && !source && Date.now() > retryLiveAt) follow();
    }, POLL_MS);
    showMode();
  }

  function stop() {
    source?.close();
    source = null;
    clearInterval(polling);
    clearInterval(ticking);
    polling = null;
  }

  if (isActive()) {
    ticking = setInterval(() => { if (!polling && !document.hidden) refresh(); }, TICK_MS);
    if (fragment().dataset.live) follow();
    else poll();
  }
  window.addEventListener("pagehide", stop);
})();
