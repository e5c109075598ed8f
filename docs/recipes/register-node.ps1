# Register a node: ./register-node.ps1 NAME HOST_NAME ADDRESS SETUP_URL. Run it on the node, because its setup page answers there only.
param(
    [Parameter(Mandatory)][string]$Name,
    [Parameter(Mandatory)][string]$HostName,
    [Parameter(Mandatory)][string]$Address,
    [Parameter(Mandatory)][string]$SetupUrl
)
. "$PSScriptRoot/site-api.ps1"

$node = Invoke-Site POST '/nodes/' @{ name = $Name; host_name = $HostName; address = $Address }
$password = (Invoke-Site POST "/nodes/$($node.id)/register/").password
function Test-State([string]$State) {
    $now = Invoke-Site GET "/nodes/$($node.id)/"
    if ($now.state -eq 'failed') { throw "${Name}: $($now.state_reason)" }
    $now.state -eq $State
}
$null = Wait-Site "$Name awaits its password" { Test-State 'awaiting_password' }
$null = Invoke-WebRequest -Method Post -Uri "$SetupUrl/certificateSetup" -Body @{ __pwd = $password }
$null = Wait-Site "$Name is registered" { Test-State 'registered' }
"$Name is registered"
