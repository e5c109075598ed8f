# Make certificates for a machine without an agent: ./export-for-machine.ps1 MACHINE. It prints the folder with the files, on the central node.
# With EXPORT_PASSWORD in the environment, the private keys are encrypted.
param([Parameter(Mandatory)][string]$Machine)
. "$PSScriptRoot/site-api.ps1"

$body = @{ format = 'pem'; machine_names = @($Machine); password = "$env:EXPORT_PASSWORD" }
$asked = (Invoke-Site POST '/exports/' $body).results[0]
$made = Wait-Site $Machine {
    $export = Invoke-Site GET "/exports/$($asked.id)/"
    if ($export.status -eq 'failed') { throw $export.status_reason }
    if ($export.status -eq 'made') { $export }
}
"$($made.folder_host):$($made.folder)"
