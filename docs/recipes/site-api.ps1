# For the recipes in this folder: calls the API. Needs PowerShell 7. The root of the site must be trusted by this account:
#   Import-Certificate -FilePath root.cer -CertStoreLocation Cert:\CurrentUser\Root
$ErrorActionPreference = 'Stop'
foreach ($name in 'QMC_URL', 'QMC_TOKEN') {
    if (-not [Environment]::GetEnvironmentVariable($name)) { throw "Set $name in the environment." }
}
$WaitSeconds = if ($env:QMC_WAIT_S) { [int]$env:QMC_WAIT_S } else { 120 }

# The content of the answer. An error of the site ends the script with its reason.
function Invoke-Site([string]$Method, [string]$Path, $Body, [string]$Key = [guid]::NewGuid()) {
    $request = @{
        Method             = $Method
        Uri                = "$env:QMC_URL/api/v1$Path"
        Headers            = @{ 'Authorization' = "Bearer $env:QMC_TOKEN" }
        ContentType        = 'application/json'
        TimeoutSec         = 60
        SkipHttpErrorCheck = $true
        StatusCodeVariable = 'status'
    }
    if ($Method -eq 'POST') { $request.Headers['Idempotency-Key'] = $Key }
    if ($null -ne $Body) { $request.Body = ConvertTo-Json $Body -Depth 5 }
    $answer = Invoke-RestMethod @request
    if ($status -ge 300) { throw "$Method $Path was answered with ${status}: $($answer.detail)" }
    $answer
}

# All rows of a list. Each page but the last names the next one.
function Get-SiteRow([string]$Path) {
    while ($Path) {
        $page = Invoke-Site GET $Path
        $page.results
        $Path = if ($page.next) { $page.next -replace '^.*/api/v1', '' } else { '' }
    }
}

# What the block returns, when it is not empty.
function Wait-Site([string]$What, [scriptblock]$Done) {
    $deadline = (Get-Date).AddSeconds($WaitSeconds)
    while (-not ($found = & $Done)) {
        if ((Get-Date) -gt $deadline) { throw "${What}: not done after $WaitSeconds s" }
        Start-Sleep -Seconds 1
    }
    $found
}
