/* Search without a server: a page of a folder may start no worker, so the same script runs in a hidden frame. */
if (location.protocol === "file:")
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inner = frame.contentWindow;
      inner.postMessage = (data) => this.tell(data);
      inner.importScripts = (...urls) => urls.reduce((done, one) => done.then(() => load(one)), Promise.resolve());
      const load = (one) => new Promise((resolve, reject) => {
        const script = frame.contentDocument.createElement("script");
        Object.assign(script, { src: one, onload: resolve, onerror: reject });
        frame.contentDocument.body.append(script);
      });
      this.inner = inner;
      this.ready = load(url);
    }
    tell(data) {
      const event = new MessageEvent("message", { data });
      this.dispatchEvent(event);
      if (this.onmessage) this.onmessage(event);
    }
    postMessage(data) {
      this.ready.then(() => this.inner.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {}
  };
