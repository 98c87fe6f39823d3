// Passkeys: the browser's half of proving with one and of making one. Without this file, and in browsers that
// know no passkeys, the one-time code does.
(function () {
  "use strict";

  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return;
  document.documentElement.dataset.webauthn = "";

  // Everything the form says, and the page it goes to: the proof is for that and nothing else.
  function whole(form) {
    const body = new URLSearchParams(new FormData(form));
    body.delete("otp_token");
    body.set("passkey_for", new URL(form.action).pathname);
    return body;
  }

  async function challenge(button) {
    const form = button.form;
    const body = "binds" in button.dataset ? whole(form) : new URLSearchParams({ scope: button.dataset.scope });
    body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    const answer = await fetch(button.dataset.passkeyProve, { method: "POST", body, redirect: "error" });
    if (!answer.ok) throw new Error(answer.status);
    return PublicKeyCredential.parseRequestOptionsFromJSON(await answer.json());
  }

  async function prove(button) {
    return navigator.credentials.get({ publicKey: await challenge(button) });
  }

  async function make(button) {
    const options = JSON.parse(button.dataset.passkeyMake);
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  }

  // What is changed after it was proved has to be proved again.
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (!form?.querySelector("[data-binds]") || !form.elements.passkey.value) return;
    form.elements.passkey.value = "";
    form.querySelector("[data-passkey-said]").textContent = "";
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-passkey-prove], [data-passkey-make]");
    if (!button) return;
    const form = button.form;
    const said = form.querySelector("[data-passkey-said]");
    button.disabled = true;
    try {
      const credential = await ("passkeyMake" in button.dataset ? make(button) : prove(button));
      form.elements.passkey.value = JSON.stringify(credential.toJSON());
      said.textContent = button.dataset.done;
      if (button.dataset.then === "submit") form.requestSubmit();
    } catch {
      said.textContent = button.dataset.failed;
    } finally {
      button.disabled = false;
    }
  });
})();
