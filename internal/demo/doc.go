// Package demo asks a table of many kinds of clients, and compares a cold cache with a warm one.
//
// A [Question] is one for a table, and [LanceDB] answers it in a fresh process, if it is installed. A [Trace] is one query
// of a fresh LanceDB process, recorded request by request. [Replay] sends it again, with the concurrency and the
// dependencies that the recording shows: a request starts when everything that had been answered before it in the recording
// has been answered again. A [Walk] does without a recording and reads every object below a prefix. Both end in a [Run]: how
// many requests, how long, and a digest of every answer, so that two runs can be held against each other.
//
// [Story] and [Report] print what came of it.
//
// The package knows no server: it is given an endpoint. It is for the demo command; the table that it is about is in the
// packages below.
package demo
