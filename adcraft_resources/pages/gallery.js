"use strict";
for (const slider of document.querySelectorAll(".slider")) {
  const range = slider.querySelector("input");
  const move = () => slider.style.setProperty("--cut", range.value + "%");
  range.addEventListener("input", move);
  move();
}

async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  area.className = "offstage";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("copy refused");
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    let said = "Copied";
    try { await copyText(button.dataset.copy); } catch { said = "Select and copy by hand"; }
    button.textContent = said;
    button.setAttribute("aria-live", "polite");
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  });
}

const videos = [...document.querySelectorAll("video")];
for (const video of videos) {
  // One sound at a time; the muted source may run beside its variant.
  video.addEventListener("play", () => {
    for (const other of videos) {
      if (other !== video && other.closest(".players") !== video.closest(".players")) other.pause();
    }
  });
}

for (const button of document.querySelectorAll("button.both")) {
  button.hidden = false;
  const pair = [...button.closest(".players").querySelectorAll("video")];
  button.addEventListener("click", () => {
    const play = pair.every((video) => video.paused);
    for (const video of pair) {
      if (play) { video.currentTime = 0; video.play(); } else { video.pause(); }
    }
    button.textContent = play ? "Pause both" : "Play both";
  });
}
