package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompletionScriptsParse(t *testing.T) {
	for shell, check := range map[string][]string{
		"bash": {"bash", "-n"}, "zsh": {"zsh", "-n"}, "fish": {"fish", "--no-execute"},
	} {
		t.Run(shell, func(t *testing.T) {
			code, script, stderr := run(t, nil, "completion", shell)
			if code != exitOK || !strings.Contains(script, "__complete") {
				t.Fatalf("exit code %d, %s", code, stderr)
			}
			if _, err := exec.LookPath(check[0]); err != nil {
				t.Skipf("SKIPPED: %s is not installed, so the script is not read by it", check[0])
			}
			file := in(t.TempDir(), "script")
			writeFile(t, file, script)
			if out, err := exec.CommandContext(t.Context(), check[0], append(check[1:], file)...).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestCompletions(t *testing.T) {
	for name, tt := range map[string]struct {
		typed []string
		want  []string
	}{
		"a command":               {[]string{"gener"}, []string{"generations"}},
		"a command below another": {[]string{"lsm", "sea"}, []string{"search"}},
		"a flag":                  {[]string{"stats", "--wa"}, []string{"--watch"}},
		"a priority":              {[]string{"warm", "--priority", ""}, []string{"low", "normal", "high"}},
		"the first role":          {[]string{"warm", "--roles", "op"}, []string{"open", "pk", "blocklist"}},
		"the roles that are left": {[]string{"warm", "--roles", "open,pk,"}, []string{"open,pk,blocklist"}},
		"a format of rows":        {[]string{"lsm", "scan", "--format", ""}, []string{"table", "json", "csv", "arrow"}},
		"a format of lance cat":   {[]string{"lance", "cat", "--format", ""}, []string{"json", "csv", "arrow"}},
		"a setting":               {[]string{"serve", "--log-level", ""}, []string{"debug", "info", "warn", "error"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, nil, append([]string{"__complete"}, tt.typed...)...)
			if code != exitOK {
				t.Fatalf("exit code %d, %s", code, stderr)
			}
			var got []string
			for line := range strings.Lines(stdout) {
				word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
				for _, want := range tt.want {
					if word == want {
						got = append(got, word)
					}
				}
			}
			if len(got) < len(tt.want) {
				t.Errorf("got %s, want %v among it", stdout, tt.want)
			}
		})
	}
	if diff := cmp.Diff(rest([]string{"a", "b", "c"}, "b,"), []string{"b,a", "b,c"}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}
