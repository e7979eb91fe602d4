// Package dashboard is the web page of the admin listener: what the cache does now, and
// buttons for what the admin API can do.
//
// [New] is its handler: one HTML page at [Root] and the styles, modules and icon that it
// loads from below [Assets]. They are in the binary and load nothing from anywhere else;
// the Content-Security-Policy that they are sent with allows no other source and no inline
// script. The files hold no data and no secrets, so nobody needs to be asked for a token:
// the page asks its reader for it, keeps it in the tab's session storage, and sends it
// with its calls of the admin API, which checks it.
//
//	index.html   the page: headings, tables, dialogs, without data
//	style.css    all of its looks: light, dark, narrow, printed without movement
//	app.js       what happens when: the loop of updates, keys, dialogs
//	api.js       calls, the token, streams of events
//	metrics.js   the text of /metrics, rates and quantiles of what changed
//	draw.js      sparklines, bars, the strip of pages
//	format.js    numbers and names for people
//	*view.js     one part of the page each
//
// Modules are loaded as they are written: there is nothing to build. A file has an entity
// tag of its contents, and is asked for again each time, so that a page is never of two
// versions.
//
// The handler is safe for concurrent use and holds no state. It does not decide who may
// have the page: its caller does.
package dashboard
