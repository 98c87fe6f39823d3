// The page works without this: forms post and links reload. The script spares the reload and brings news by itself.
(() => {
  "use strict";
  const SHOWN = 200, FIRST_PAUSE = 1000, LONGEST_PAUSE = 15000, TOAST = 5000;
  const byId = (id) => document.getElementById(id);
  const live = byId("live");
  const offline = new Set();

  const say = (text) => {
    byId("status").textContent = text;
    const toast = document.createElement("p");
    toast.className = "toast";
    toast.dir = "auto";
    toast.textContent = text;
    byId("toasts").append(toast);
    setTimeout(() => toast.remove(), TOAST);
  };

  const tell = (notice) => {
    const dialog = byId("alert");
    if (!notice.alert || dialog.open) return say(notice.text);
    byId("alert-text").textContent = notice.text;
    dialog.showModal();
  };

  const connected = (chat, yes) => {
    if (yes) offline.delete(chat); else offline.add(chat);
    live.classList.toggle("off", offline.size > 0);
    live.textContent = offline.size ? "Reconnecting…" : "Live";
  };

  const element = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  };

  // Put one changed message in its place; keep the focus where it was.
  const place = (panel, piece) => {
    const list = panel.querySelector("ol");
    const old = byId(`m${panel.dataset.chat}-${piece.id}`);
    const focused = old && old.contains(document.activeElement);
    const index = focused ? [...old.querySelectorAll("button,a")].indexOf(document.activeElement) : -1;
    if (!piece.html) {
      if (old) old.remove();
    } else if (old) {
      old.replaceWith(element(piece.html));
    } else {
      list.append(element(piece.html));
      panel.querySelector(".log").scrollTop = 0; // the log is laid out from its end
    }
    if (focused) {
      const fresh = byId(`m${panel.dataset.chat}-${piece.id}`);
      const target = fresh && [...fresh.querySelectorAll("button,a")][index];
      (target || panel.querySelector(".log")).focus();
    }
    while (list.children.length > SHOWN) list.firstElementChild.remove();
    panel.querySelector(".empty").hidden = list.children.length > 0;
  };

  const visible = () => document.hidden
    ? new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }))
    : Promise.resolve();

  const follow = async (panel) => {
    let pause = FIRST_PAUSE;
    for (;;) {
      await visible();
      try {
        const query = new URLSearchParams(location.search);
        query.set("after", panel.dataset.version);
        const answer = await fetch(`/chat/${panel.dataset.chat}/feed?${query}`, { cache: "no-store" });
        if (!answer.ok) throw new Error(String(answer.status));
        const news = await answer.json();
        panel.dataset.version = news.version;
        news.messages.forEach((piece) => place(panel, piece));
        news.notices.forEach(tell);
        offer(panel, news.menu);
        if (news.messages.length || news.notices.length) {
          panel.querySelectorAll("[aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
        }
        connected(panel.dataset.chat, true);
        pause = FIRST_PAUSE;
      } catch {
        connected(panel.dataset.chat, false);
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      }
    }
  };

  // The bot may change its menu at any time; an open one is left alone.
  const offer = (panel, html) => {
    const menu = panel.querySelector("[data-menu]");
    if (menu.dataset.now === html || menu.querySelector("[open]")) return;
    menu.dataset.now = html;
    menu.innerHTML = html;
  };

  const complain = (panel, words) => {
    const place = panel.querySelector(".problem");
    place.textContent = "";
    if (!words) return;
    const line = document.createElement("p");
    line.className = "err";
    line.setAttribute("role", "alert");
    line.textContent = words;
    place.append(line);
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.act) return;
    event.preventDefault();
    const panel = form.closest(".panel");
    const button = event.submitter;
    const fields = new FormData(form, button);
    const data = form.dataset.act === "file" ? fields : new URLSearchParams(fields);
    const field = form.querySelector("input[name=text]:not([type=hidden])");
    if (button && form.dataset.act === "press") button.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body: data, headers: { Accept: "application/json" } });
      const body = await answer.json();
      complain(panel, body.ok ? "" : body.error.detail);
      if (body.ok && field) field.value = "";
      if (body.ok && form.dataset.act === "file") form.reset();
      if (body.ok) form.closest("details")?.removeAttribute("open");
      if (!body.ok && button) button.removeAttribute("aria-busy");
    } catch {
      complain(panel, "The sandbox does not answer. Your text is kept: try again in a moment.");
      if (button) button.removeAttribute("aria-busy");
    }
    if (field) field.focus();
  });

  // What is ordered runs out by itself: while the switches are seen, their state is kept fresh.
  const trouble = byId("trouble");
  const switches = async () => {
    try {
      const news = await (await fetch(`/faults${location.search}`, { cache: "no-store" })).json();
      const state = byId("trouble-state");
      byId("trouble-count").textContent = news.count;
      trouble.classList.toggle("on", news.count !== "Trouble");
      if (!state.contains(document.activeElement) && state.dataset.now !== news.html) {
        state.dataset.now = news.html;
        state.innerHTML = news.html;
      }
    } catch { /* the chats say that the sandbox is away */ }
    setTimeout(switches, trouble.open ? 1000 : 4000);
  };
  switches();
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.trouble[open],details.menu[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && event.target.closest("details[open]");
    if (open) { open.open = false; open.querySelector("summary").focus(); }
  });

  const theme = byId("theme");
  const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme:dark)").matches ? "dark" : "light")) === "dark";
  const name = () => { theme.textContent = dark() ? "Light" : "Dark"; theme.setAttribute("aria-label", `Use the ${dark() ? "light" : "dark"} theme`); };
  try { if (localStorage.theme) document.documentElement.dataset.theme = localStorage.theme; } catch { /* a preference only */ }
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.theme = document.documentElement.dataset.theme; } catch { /* a preference only */ }
    name();
  });
  name();
  theme.hidden = false;
  live.hidden = false;
  byId("refresh").hidden = true;
  setTimeout(() => document.querySelectorAll("[data-notice]").forEach((note) => note.remove()), TOAST);
  document.querySelectorAll(".panel").forEach(follow);
})();
