package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rustHook compiles a warmer for Lance together with a trait of the form that Lance's has, and a program that calls it once
// for a generation of the table of the hooks. Crates are those that Debian installs below /usr/share/cargo/registry.
func rustHook(t *testing.T, code string) string {
	t.Helper()
	cargo := tool(t, "cargo", "HEARTH_E2E_CARGO")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"home/config.toml": `
[source.crates-io]
replace-with = "debian"

[source.debian]
directory = "/usr/share/cargo/registry"
`,
		"Cargo.toml": `
[package]
name = "hook"
version = "0.1.0"
edition = "2021"

[dependencies]
async-trait = "0.1"
reqwest = { version = "0.11", default-features = false }
serde_json = "1"
tokio = { version = "1", features = ["rt", "macros"] }

[profile.dev]
debug = 0
`,
		"src/main.rs": `
mod lance {
    pub type Result<T> = std::result::Result<T, String>;

    #[async_trait::async_trait]
    pub trait SsTableWarmer: Send + Sync + std::fmt::Debug {
        async fn warm(&self, path: &str) -> Result<()>;
    }
}
use lance::{Result, SsTableWarmer};
` + code + `
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let warmer: Box<dyn SsTableWarmer> = Box::new(HearthWarmer::from_env().unwrap());
    warmer.warm("s3://lake/` + strings.TrimSuffix("items.lance/"+itemsGen, "/") + `").await.unwrap();
}
`,
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := clientEnv("RUSTC="+filepath.Join(filepath.Dir(cargo), "rustc"), "CARGO_HOME="+filepath.Join(dir, "home"))
	must(t, env, cargo, "build", "--offline", "--quiet", "--manifest-path", filepath.Join(dir, "Cargo.toml"), "--target-dir", filepath.Join(dir, "target"))
	return filepath.Join(dir, "target", "debug", "hook")
}
