// Package demo replays what LanceDB asks of S3 and compares a cold cache with a warm one.
//
// A [Trace] is one query of a fresh LanceDB process, recorded request by request. [Replay]
// sends it again, with the concurrency and the dependencies that the recording shows: a
// request starts when everything that had been answered before it in the recording has
// been answered again. A [Walk] does without a recording and reads every object below a
// prefix. Both end in a [Run]: how many requests, how long, and a digest of every answer, so
// that two runs can be held against each other.
//
// The package knows no server: it is given an endpoint. It is for the demo command.
package demo
