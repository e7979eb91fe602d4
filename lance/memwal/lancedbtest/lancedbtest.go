// Package lancedbtest runs small programs against the real LanceDB client, so that the
// packages which read and write its files can be compared with it.
//
// The client is a Node module. Tests that need it skip, and say so, unless the
// environment variable HEARTH_LANCEDB_NODE_MODULES names a node_modules directory that
// holds @lancedb/lancedb 0.39 and apache-arrow, and node is installed.
//
// The package is for tests alone and keeps no state.
package lancedbtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ModulesEnv is the environment variable that names the node_modules directory.
const ModulesEnv = "HEARTH_LANCEDB_NODE_MODULES"

// Need skips the test when there is no client. Tests that have much to prepare before
// they call Node begin with it.
func Need(t testing.TB) {
	t.Helper()
	_, _ = client(t)
}

// client returns the node_modules directory and the path of node, or skips the test.
func client(t testing.TB) (modules, node string) {
	t.Helper()
	if modules = os.Getenv(ModulesEnv); modules == "" {
		t.Skipf("skipped: %s is not set, so there is no LanceDB to compare with", ModulesEnv)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	return modules, node
}

// Node runs an ES module with arguments in an empty directory and returns what it
// prints. It skips the test when there is no client, and fails it when the program
// exits with an error.
func Node(t testing.TB, script string, args ...string) []byte {
	t.Helper()
	modules, node := client(t)
	dir := t.TempDir()
	// ES modules are found next to the program's real path, never through NODE_PATH.
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program.mjs")
	if err := os.WriteFile(program, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, append([]string{program}, args...)...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("node: %v\n%s%s", err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.Bytes()
}
