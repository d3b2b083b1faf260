// Uppy as a page would bundle it.
import Uppy from "@uppy/core";
import XHRUpload from "@uppy/xhr-upload";

Object.assign(globalThis, { Uppy, XHRUpload });
