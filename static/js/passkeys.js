// Passkeys: the browser's half of proving with one and of making one. Without this file, and in browsers that
// know no passkeys, the one-time code does.
(function () {
  "use strict";

  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return;
  document.documentElement.dataset.webauthn = "";

  async function challenge(button) {
    const body = new URLSearchParams({
      scope: button.dataset.scope,
      csrfmiddlewaretoken: button.form.elements.csrfmiddlewaretoken.value,
    });
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
