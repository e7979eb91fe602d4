package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/internal/config"
)

func (p *process) checkConfigCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check-config",
		Short: "Print the resolved settings and where each came from",
		Long: `Resolves flags, environment, file and defaults as serve would, reads the files
that they name, prints the result without secrets, and says what is wrong with
it. Nothing is started. The exit code is 2 if serve would refuse.`,
		Example: "  sidecar check-config --config hearth.yaml\n  HEARTH_MEMORY=8GiB sidecar check-config --json",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.loadSettings(cmd.Flags())
			var printErr error
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				printErr = encoder.Encode(s.Settings())
			} else {
				printErr = s.Print(cmd.OutOrStdout())
			}
			if printErr != nil {
				return printErr
			}
			return err
		},
	}
	config.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().SortFlags = false
	return cmd
}
