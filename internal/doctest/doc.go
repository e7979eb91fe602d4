// Package doctest keeps the code in the project's documents true: it takes the code blocks out of Markdown, insists that
// each says who runs it, and runs those that a test runs.
//
// A [Page] is a Markdown file, a [Block] a piece of code in it. The word after the language in a block's fence is its
// mark, which readers of the rendered page do not see:
//
//	sh run          runs in every test, in the page's session
//	sh serve        the same in a terminal of its own, until the page ends; the session goes on once it listens
//	sh e2e          runs in the end-to-end tests, where other people's clients are; so do python and js
//	sh golden       runs in cmd/sidecar's tests, which compare the output below it, and write it
//	sh hook         runs in the end-to-end tests of flush hooks, with the hook's conditions
//	sh ci           stands in the scripts of .ci, word for word, and runs there
//	yaml config     is a configuration: sidecar check-config accepts it, with keys and a token where it says /etc/hearth
//	yaml keys       is a keys file: the same
//	text output     is what the block above printed; "..." stands for anything. json and xml too; of JSON, names and
//	                types are compared, since values differ from run to run
//	go excerpt F    is found, line by line, in the file F, which is compiled and tested
//	text figure     is a drawing or a formula, text measured the figures of one run: nothing to run
//	sh norun        is run by nobody; a comment above it says why: <!-- norun: the reason -->
//
// The mark "more" after e2e continues the last block of that language, as one program. Commands of a page that are no
// use to its reader stand in a comment: <!-- doctest sh run, then lines of code, then -->.
//
// A [Session] is one shell, so that what a block exports or assigns is there in the next. The servers it starts listen on
// ports that the system chooses; the addresses 127.0.0.1:9000, :9001 and :9002 in later blocks are replaced by theirs, and
// "go run ./cmd/sidecar" by the program under test. The lines that the embedded store prints for pasting into a second
// terminal are pasted into it. A Session belongs to one goroutine; Close ends every process it began.
//
// Problems are errors and [Problem] values that name file and line; nothing here decides about a test. What it does not do:
// judge prose, follow links (internal/lint does), or run code in the background behind a page's end.
package doctest
