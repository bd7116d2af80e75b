// A button with data-copies puts that field's text on the clipboard; where it may not, the text is left selected.
for (const button of document.querySelectorAll("[data-copies]")) {
  const field = document.getElementById(button.dataset.copies);
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      if (!document.execCommand("copy")) return; // over plain HTTP there is no clipboard but this
    }
    button.textContent = button.dataset.done;
  });
}
