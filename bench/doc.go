// Command bench measures Hearth beside other programs that do the same work.
//
//	go run ./bench hits
//	go run ./bench engine
//	go run ./bench ingest
//
// # hits
//
// hits asks how much of a processor a hit in the memory tier costs: ranged GETs of
// 4 KiB, 64 KiB and 1 MiB over a resident set, answered by
//
//	hearth         the real binary, built by this command, without authentication
//	hearth-sigv4   the same, each request signed and verified
//	nginx          its slice cache, warm, files on tmpfs
//	nginx-nopush   the same with tcp_nopush, which is better at some sizes and worse at others
//	chi            stock net/http with chi, writing equal bytes and headers
//	loop           a bare TCP loop in Go that parses nothing and writes what lies ready
//
// Each subject is a process of its own, pinned to one half of the processors; the load
// generator has the other half. A round gives every subject its turn, so that what
// disturbs the machine disturbs all of them, and ratios are taken within a round. The
// number that counts is requests per second of the subject's processor time (user and
// system, all its processes); wall-clock rates are not reported, because they measure
// the load generator as well.
//
// Nothing is trusted: before the measurement every byte of the set is read through each
// subject that serves it and compared, every response's status and length is checked
// while measuring, and a request that reaches the origin meanwhile fails the run.
//
// # engine
//
// engine asks how long queries take on a table that LanceDB wrote through MemWAL: a base and some generations, with
// indexes. LanceDB (in Node.js) and the engine are asked the same in turn,
//
//	LanceDB                  straight at an S3 store in this process, behind a relay that can add latency
//	LanceDB through Hearth   the same through a warm Hearth
//	engine in Hearth         by HTTP at the admin listener of that Hearth; fresh: sidecar lsm, a process that reads through it
//	LanceDB, engine, local   on the files of the store
//
// and all of them look for what is new before they answer. First queries are those of a fresh process, with the opening
// of the table; repeated ones follow in one process, after a few that do not count. Vectors are held against a brute
// force over all visible rows; other answers against each other.
//
// # ingest
//
// ingest asks how fast rows become durable and searchable in a MemWAL table: LanceDB (in Node.js, batches handed to its native
// side as they are) and package lsm/shard (this command in a process of its own) upsert the same rows into tables that LanceDB
// made, with an index on the key, on a text and on a vector, at an S3 store in this process behind a relay that can add
// latency. Puts count once they are acknowledged, which both do when the rows are in the log; the turn ends when everything
// is flushed. Then LanceDB reads each table back: all keys, rows by key, the same texts by words and phrases, and the
// recall of neighbours against a brute force.
//
// The command needs Linux: /proc, processor affinity and epoll.
package main
