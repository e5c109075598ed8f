// Passkeys (WebAuthn). A form with data-passkey asks the browser for a passkey when its button is pressed, and sends the answer in its field "credential".
(() => {
  "use strict";
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const listed = (credentials) => (credentials || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const created = async ({ publicKey }) => {
    const made = await navigator.credentials.create({ publicKey: {
      ...publicKey, challenge: bytes(publicKey.challenge), user: { ...publicKey.user, id: bytes(publicKey.user.id) },
      excludeCredentials: listed(publicKey.excludeCredentials),
    } });
    const response = { clientDataJSON: text(made.response.clientDataJSON), attestationObject: text(made.response.attestationObject) };
    return { ...named(made), response };
  };

  const used = async ({ publicKey }) => {
    const found = await navigator.credentials.get({ publicKey: {
      ...publicKey, challenge: bytes(publicKey.challenge), allowCredentials: listed(publicKey.allowCredentials),
    } });
    const { authenticatorData, clientDataJSON, signature, userHandle } = found.response;
    const response = { authenticatorData: text(authenticatorData), clientDataJSON: text(clientDataJSON), signature: text(signature) };
    return { ...named(found), response: userHandle ? { ...response, userHandle: text(userHandle) } : response };
  };

  const named = (credential) => ({
    id: credential.id, rawId: text(credential.rawId), type: credential.type, clientExtensionResults: credential.getClientExtensionResults(),
  });

  const options = async (form) => {
    if (form.dataset.options) { return JSON.parse(form.dataset.options); }
    const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
    if (!answer.ok) { throw new Error(`The console answered ${answer.status}.`); }
    return (await answer.json()).request_options;
  };

  const reason = (error) => {
    switch (error.name) {
      case "NotAllowedError": return "No passkey was used: the request was canceled, or took too long. Try again.";
      case "InvalidStateError": return "This device has a passkey for this account already. Use another device, or remove the earlier passkey.";
      case "SecurityError": return "The browser allows no passkeys at this address. Open the console by its host name, with a certificate that the browser trusts.";
      default: return `The browser could not use a passkey. ${error.message}`;
    }
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const problem = form.querySelector("[data-passkey-problem]");
    if (!window.PublicKeyCredential) { continue; }
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      if (form.elements.credential.value) { return; }
      event.preventDefault();
      problem.hidden = true;
      try {
        const asked = await options(form);
        form.elements.credential.value = JSON.stringify(await (form.dataset.passkey === "create" ? created(asked) : used(asked)));
        form.submit();
      } catch (error) {
        problem.textContent = reason(error);
        problem.hidden = false;
      }
    });
  }
})();
