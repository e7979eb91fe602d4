package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/internal/config"
)

// version is set by release builds: -ldflags "-X main.version=v1.2.3".
var version string

// buildInfo says what this binary is.
type buildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Embedded bool   `json:"embedded_store"`
}

func currentBuild() buildInfo {
	b := buildInfo{
		Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Embedded: embeddedBuild().Embedded,
	}
	info, ok := debug.ReadBuildInfo()
	if ok && b.Version == "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	if ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	return b
}

func (p *process) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := currentBuild()
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(b)
			}
			store := "with the embedded store"
			if !b.Embedded {
				store = "without the embedded store"
			}
			revision := ""
			if b.Revision != "" {
				revision = " (" + b.Revision[:min(12, len(b.Revision))] + ")"
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "hearth %s%s %s %s, %s\n", b.Version, revision, b.Go, b.Platform, store)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// embeddedBuild says what this binary can do, for the validation of settings.
func embeddedBuild() config.Build { return config.Build{Embedded: embeddedStore} }
