// Runs in the page that scroll.ts measures: notes how long each frame takes, and what the list of deliveries shows.
{
  const watched = { frames: [], longTasks: [], waitedMs: 0, rowsMost: 0, last: 0 };
  globalThis.watched = watched;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) watched.longTasks.push(duration);
  }).observe({ type: "longtask" });
  const scroller = document.querySelectorAll('[role="rowgroup"]')[1];
  let before = 0;
  const watch = (at) => {
    const rows = scroller.querySelectorAll('[role="row"]');
    watched.rowsMost = Math.max(watched.rowsMost, rows.length);
    watched.last = Number(rows[rows.length - 1]?.getAttribute("aria-rowindex") ?? 0);
    if (before > 0) {
      watched.frames.push(at - before);
      // At the end of what was loaded, a person waits for the next page.
      if (scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 1) {
        watched.waitedMs += at - before;
      }
    }
    before = at;
    requestAnimationFrame(watch);
  };
  requestAnimationFrame(watch);
}
