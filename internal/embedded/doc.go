// Package embedded is a real S3 server over a directory, inside the process: for
// the demo, for development and for tests. It is versitygw, as a library.
//
//	{Dir}/{bucket}/{key}    one file an object; a folder tree dropped in is served
//	{Dir}/.hearth-meta/     ETags and other attributes, only where the file system
//	                        has no extended attributes
//
// [Start] makes the one [Store] of the process and waits until it answers, on a
// free port of the loopback interface, with keys that are generated unless given.
// [Store.Close] ends it and waits. What was written is there again after a
// restart over the same directory.
//
// Files that were not written through the server, or were changed behind its
// back, have an ETag made of their size and time of modification: strong, and
// another one as soon as the file changes.
//
// # What to know
//
// The server keeps the process's working directory: while a Store runs it is Dir.
// Make relative paths absolute before Start. Close goes back to the directory
// before. Only one Store runs at a time in a process ([ErrRunning]), because the
// library keeps global state.
//
// It is not a production store: no replication, keys limited to what file names
// can say (no "a" beside "a/b", nothing that "." and ".." would change), and a GET
// that races with an overwrite of its key may see the new bytes under the old
// ETag.
//
// The server's HTTP library leaves two clock goroutines behind for the life of the
// process, and one for up to ten seconds after Close; everything else is gone when
// Close returns.
//
// Built with the tag noembedded, the package links no server, and Start returns
// [ErrNotBuilt]. That makes a program that uses this package and internal/origin,
// stripped, linux/amd64, 12.4 MB instead of 24.3 MB.
package embedded
