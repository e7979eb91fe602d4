// Package lint holds the rules of this repository that no general tool knows,
// as tests.
//
// A [Finding] is one place that breaks a rule; its text ends with what to do. A
// rule is a function from what it looks at to findings, so that each is tested
// on a bad example before it judges the repository:
//
//	go list -deps ──> CheckImports   who may know whom
//	parsed files ───> CheckSource    package comments, sleeps in tests, registries
//	tracked text ───> CheckText      paths of one machine, untagged code blocks, dead links
//
// The functions read the tree below the module root and change nothing. They
// are safe for concurrent use.
//
// An error means that a rule could not look (no go command, a file that does
// not parse), never that it was broken.
//
// It does not do what gofumpt, go vet and staticcheck do, and there are no
// switches to silence a rule: a rule that needs exceptions lists them here, with
// the reason.
package lint
