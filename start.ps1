<#
.SYNOPSIS
Runs the whole system on Windows, in containers, until .\start.ps1 -Stop.

.DESCRIPTION
Needs Docker Desktop; nothing else. Makes .env with a key of its own where there is none, builds the image, starts
everything and fills it with a believable agency. What was recorded is kept in Docker's volumes.

.PARAMETER Empty
Without sample data, for real use.

.PARAMETER Stop
Stops everything; what was recorded stays.
#>
param([switch]$Empty, [switch]$Stop)

$ErrorActionPreference = 'Stop'
Set-Location $PSScriptRoot

function Invoke-Compose {
    docker compose @args
    if ($LASTEXITCODE -ne 0) { throw "docker compose $args failed; what it says stands above." }
}

if (-not (Get-Command docker -ErrorAction SilentlyContinue)) {
    throw 'Docker was not found. Install Docker Desktop from https://www.docker.com/products/docker-desktop and run this again.'
}
if ($Stop) {
    Invoke-Compose down
    return
}
if (-not (Test-Path .env)) {
    $bytes = New-Object byte[] 48
    [System.Security.Cryptography.RandomNumberGenerator]::Create().GetBytes($bytes)
    $key = [Convert]::ToBase64String($bytes)
    (Get-Content .env.example) -replace '^SECRET_KEY=$', "SECRET_KEY=$key" | Set-Content .env -Encoding ascii
}
Invoke-Compose up --build --detach --wait
if (-not $Empty) { Invoke-Compose --profile sample run --rm sample-data }
Write-Host 'Make the first account with: docker compose exec web python manage.py createsuperuser'
Write-Host 'Dashboard http://127.0.0.1:8000   Admin http://127.0.0.1:8000/admin/   Flower http://127.0.0.1:5555'
