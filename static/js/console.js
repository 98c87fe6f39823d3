// The console's behaviour. Every page works without this file: it adds copying, the theme, live
// lists, keys and messages. No inline handlers, no eval: the Content-Security-Policy forbids both.
(function () {
  "use strict";

  const find = (selector, root = document) => root.querySelector(selector);
  const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];
  // Words come translated with the page, as data attributes of the element that speaks them.
  const words = find("#live-region").dataset;
  const TYPING = "input, textarea, select, [contenteditable]";

  // ---- messages: read out, and shown for a few seconds ----

  function say(message, detail = "") {
    const text = detail ? `${message} ${detail}` : message;
    const region = find("#live-region");
    region.textContent = "";
    setTimeout(() => (region.textContent = text), 30);
    const toast = document.createElement("div");
    toast.className = "toast";
    toast.textContent = text;
    find("#toasts").append(toast);
    setTimeout(() => toast.remove(), 6000);
  }

  // ---- clicks: copy, theme, print ----

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say(words.copied);
    } catch {
      say(words.copyFailed);
    }
  }

  // The server reads this cookie and renders the theme, so that no page flashes in the other one.
  function switchTheme() {
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
    root.dataset.theme = theme;
    const [name, more] = location.protocol === "https:" ? ["__Host-theme", "; Secure"] : ["theme", ""];
    document.cookie = `${name}=${theme}; path=/; max-age=31536000; SameSite=Lax${more}`;
    document.dispatchEvent(new Event("themechange"));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.copy) copy(button);
    if ("themeToggle" in button.dataset) switchTheme();
    if ("print" in button.dataset) window.print();
    if ("showNew" in button.dataset) showNew();
  });

  // An open menu closes when one goes elsewhere.
  for (const kind of ["click", "focusin"]) {
    document.addEventListener(kind, (event) => {
      findAll("details.menu[open]").forEach((menu) => menu.contains(event.target) || (menu.open = false));
    });
  }

  // ---- live lists ----

  const poll = (event) => (event.detail.elt?.matches?.("[data-poll]") ? event.detail.elt : null);
  const held = new Set(); // rows that arrived while the reader was further down
  let missed = 0;
  let lastAnswer = new Date();

  if (window.Idiomorph) {
    Idiomorph.defaults.ignoreActiveValue = true;
    Idiomorph.defaults.restoreFocus = true;
    // A drawn chart is not markup; an opened table stays open.
    Idiomorph.defaults.callbacks.beforeNodeMorphed = (old) => !old.matches?.("[data-chart]");
    Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.matches("details"));
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    const region = poll(event);
    if (!region) return;
    const typing = region.contains(document.activeElement) && document.activeElement.matches(TYPING);
    if (document.hidden || find("dialog[open]") || typing) event.preventDefault();
  });

  // Coming back to a tab must not show what was true an hour ago.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && window.htmx) findAll("[data-poll]").forEach((region) => htmx.trigger(region, "refresh"));
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const region = poll(event);
    if (!region || !event.detail.shouldSwap || !find("[data-row]", region)) return;
    if (region.getBoundingClientRect().top >= 0) held.clear();
    const fresh = document.createElement("template");
    fresh.innerHTML = event.detail.serverResponse;
    for (const row of findAll("[data-row]", fresh.content)) {
      const isNew = !document.getElementById(row.id);
      if (isNew && region.getBoundingClientRect().top < 0) held.add(row.id);
      row.hidden = held.has(row.id);
    }
    event.detail.serverResponse = fresh.innerHTML;
    tellNew();
  });

  function tellNew() {
    const button = find("[data-show-new]");
    if (!button) return;
    button.hidden = held.size === 0;
    button.textContent = words.newRows.replace("{n}", held.size);
  }

  function showNew() {
    findAll("[data-row][hidden]").forEach((row) => (row.hidden = false));
    held.clear();
    tellNew();
    find("main h1").scrollIntoView();
    find("[data-row] a")?.focus({ preventScroll: true });
  }

  document.addEventListener("htmx:afterRequest", (event) => {
    const region = poll(event);
    if (!region) return;
    const answered = event.detail.xhr.status > 0 && event.detail.xhr.status < 400;
    missed = answered ? 0 : missed + 1;
    if (answered) lastAnswer = new Date(event.detail.xhr.getResponseHeader("Date") || Date.now());
    showFreshness();
  });

  function showFreshness() {
    const live = find("#live");
    if (!live) return;
    const stale = missed >= 3;
    const clock = lastAnswer.toISOString().slice(11, 19);
    live.classList.toggle("off", stale);
    document.body.toggleAttribute("data-stale", stale);
    find("[data-word]", live).textContent = stale ? live.dataset.stale : live.dataset.live;
    find("time", live).dateTime = lastAnswer.toISOString();
    find("time bdi", live).textContent = `${clock} UTC`;
  }

  // ---- forms: sent once, and what was typed stays until the server has answered ----

  const SENDING_SECONDS = 15; // htmx's own timeout, and how long a native request is waited for
  const sending = new Map(); // form -> the button that sent it

  function setSending(form, button) {
    sending.set(form, button);
    setTimeout(() => sending.delete(form), SENDING_SECONDS * 1000);
  }

  // The server answers a whole page: its refusals take the place of this one's main part, and it says where to go
  // when it is done. Without this a page that cannot be reached, or a session that is over, would lose the text.
  async function sendPage(form, button) {
    const parts = findAll("fieldset:enabled, button:enabled", form);
    const path = button?.getAttribute("formaction") || form.getAttribute("action") || location.href;
    const values = button?.name ? { [button.name]: button.value } : {};
    const sent = htmx.ajax("POST", path, { source: form, values, target: "#main", select: "#main", swap: "outerHTML" });
    parts.forEach((part) => (part.disabled = true));
    await sent.catch(() => {}); // what went wrong is said by the listeners below
    if (form.isConnected && !sending.has(form)) {
      parts.forEach((part) => (part.disabled = false));
      button?.focus();
    }
  }

  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (form.getAttribute("method") !== "post") return;
      if (sending.has(form)) {
        event.preventDefault();
        event.stopPropagation();
        return;
      }
      setSending(form, event.submitter);
      if ("download" in form.dataset) setTimeout(() => sending.delete(form), 1000);
      else if (window.htmx && !form.hasAttribute("hx-post")) {
        event.preventDefault();
        sendPage(form, event.submitter);
      }
    },
    true,
  );

  // A form whose page is about to be left stays as it is; any other may be sent again.
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.xhr.getResponseHeader("HX-Redirect")) sending.delete(event.detail.elt);
  });
  addEventListener("pageshow", () => sending.clear());

  // ---- an answer that takes its time: a bar on top after a third of a second, and a word for who hears the page ----

  let slow = 0;
  function showWaiting(isWaiting) {
    clearTimeout(slow);
    document.body.toggleAttribute("data-waiting", isWaiting);
    find("#main")?.setAttribute("aria-busy", isWaiting);
    if (isWaiting) find("#live-region").textContent = words.waiting;
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (poll(event)) return;
    clearTimeout(slow);
    slow = setTimeout(showWaiting, 300, true);
  });
  document.addEventListener("htmx:afterRequest", (event) => poll(event) || showWaiting(false));

  // ---- after a swap: focus where the server says; when it failed: say so, swap nothing ----

  document.addEventListener("htmx:afterSettle", (event) => {
    const swapped = event.detail.elt;
    const target = find("[data-autofocus]", swapped.parentNode || document) || (swapped.id === "main" && swapped);
    if (!target) return;
    target.focus();
    target.removeAttribute("data-autofocus");
  });

  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => poll(event) || say(words.noAnswer));
  }

  document.addEventListener("htmx:responseError", (event) => {
    if (poll(event)) return;
    const xhr = event.detail.xhr;
    if (xhr.status === 401) say(words.sessionOver);
    else say(words.refused, xhr.getResponseHeader("X-Request-ID") || "");
  });

  // ---- the session: a warning two minutes before idleness ends it (polling is not activity) ----

  const idle = Number(document.body.dataset.idleSeconds);
  let warning = 0;
  function restartIdle() {
    clearTimeout(warning);
    if (idle > 120) warning = setTimeout(() => say(words.sessionEnds), (idle - 120) * 1000);
  }
  restartIdle();
  document.addEventListener("htmx:afterRequest", (event) => poll(event) || restartIdle());

  // ---- keys: off while typing, and none of them decides anything ----

  let wentAt = 0;

  function moveRow(step) {
    const rows = findAll("[data-row]:not([hidden]) a.p");
    const at = rows.indexOf(document.activeElement);
    rows[Math.max(0, Math.min(rows.length - 1, at + step))]?.focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches(TYPING)) return;
    const place = Date.now() - wentAt < 1200 && find(`.nav [data-key="${CSS.escape(event.key)}"]`);
    wentAt = event.key === "g" ? Date.now() : 0;
    if (place) place.click();
    else if (event.key === "/" && find("#q")) {
      event.preventDefault();
      const box = find("#q");
      if (box.checkVisibility()) box.focus();
      else find(".top a.only-s").click(); // on a narrow screen search is a page of its own
    } else if (event.key === "?") find("#keys")?.showModal();
    else if (event.key === "j") moveRow(1);
    else if (event.key === "k") moveRow(-1);
  });

  // An error summary gets the focus on a page that was loaded whole, too.
  find("[data-autofocus]")?.focus();
})();
