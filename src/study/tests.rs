mod conducted;
mod files;
mod stub;
