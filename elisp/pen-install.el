;;; pen-install.el --- Install pen's backend, without waiting -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-install-backend' makes a virtual environment of its own below
;; `user-emacs-directory' with the `venv' module that comes with Python, and
;; installs pen-backend there: from the checkout or package that this file is
;; in, else from PyPI.  Everything runs in the background and is shown in
;; *pen-install*; what fails is shown with the command that did.

;;; Code:

(require 'seq)
(eval-when-compile (require 'subr-x))
(require 'pen-rpc)

;;;; Internal variables

(defconst pen-install--pythons
  '("python3" "python3.14" "python3.13" "python3.12" "python3.11" "python")
  "Programs that may be a Python that does, the usual one first.")

(defconst pen-install--fits
  "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))"
  "Fails in a Python that is too old, and in one that pen's torch is not made for.")

(defconst pen-install--extras "[engine,encodings,anonymise,xlsx]"
  "What is installed besides the client: the local engine, and readers.")

(defvar pen-install--process nil "The step that runs, or nil.")

;;;; Functions

(defun pen-install-directory ()
  "Return the directory of the virtual environment."
  (expand-file-name "pen" user-emacs-directory))

(defun pen-install--root ()
  "Return the directory of pen's Python package, or nil if it is not here.
It is above this file in a checkout, and around it in a package."
  (seq-find (lambda (root) (file-exists-p (expand-file-name "pyproject.toml" root)))
            (list pen-rpc-directory (expand-file-name ".." pen-rpc-directory))))

(defun pen-install--source ()
  "Return the arguments of pip that name what to install."
  (if-let ((root (pen-install--root)))
      (let ((pins (expand-file-name "constraints.txt" root)))
        (append (and (file-exists-p pins) (list "-c" pins))
                (and (file-exists-p (expand-file-name ".git" root)) (list "-e"))
                (list (concat (directory-file-name root) pen-install--extras))))
    (list (format "pen-backend%s==%s" pen-install--extras pen-rpc-version))))

(defun pen-install--candidates ()
  "Return the programs to try, that of `pen-python-command' first."
  (delete-dups
   (delq nil
         (mapcar (lambda (name) (and name (executable-find name)))
                 (cons (and pen-python-command
                            (not (file-in-directory-p pen-python-command (pen-install-directory)))
                            pen-python-command)
                       pen-install--pythons)))))

(defun pen-install--run (command then else)
  "Run COMMAND, a list, with its output shown; then call THEN, or ELSE if it fails."
  (with-current-buffer (get-buffer-create "*pen-install*")
    (pen-install--insert (format "\n$ %s\n" (mapconcat #'shell-quote-argument command " "))))
  (setq pen-install--process
        (make-process
         :name "pen-install" :buffer "*pen-install*" :command command
         :connection-type 'pipe :noquery t
         :filter (lambda (_process text) (pen-install--insert text))
         :sentinel (lambda (process _event)
                     (unless (process-live-p process)
                       (setq pen-install--process nil)
                       (if (and (eq 'exit (process-status process))
                                (zerop (process-exit-status process)))
                           (funcall then)
                         (funcall else process)))))))

(defun pen-install--insert (text)
  "Append TEXT to the log; windows that show its end follow."
  (with-current-buffer (get-buffer-create "*pen-install*")
    (let ((inhibit-read-only t)
          (following (= (point) (point-max)))
          (windows (seq-filter (lambda (window) (= (window-point window) (point-max)))
                               (get-buffer-window-list nil nil t))))
      (save-excursion
        (goto-char (point-max))
        (insert text))
      (when following
        (goto-char (point-max)))
      (dolist (window windows)
        (set-window-point window (point-max))))))

(defun pen-install--find (pythons then)
  "Call THEN with the first of PYTHONS that is new enough, or say that none is."
  (if (null pythons)
      (pen-install--failed
       "No Python 3.11 to 3.14 was found; for later ones there is no torch 2.13.0, which trains."
       "Install one (Debian: apt-get install python3 python3-venv), or set `pen-python-command'.")
    (pen-install--run (list (car pythons) "-c" pen-install--fits)
                      (lambda () (funcall then (car pythons)))
                      (lambda (_) (pen-install--find (cdr pythons) then)))))

(defun pen-install--venv (python)
  "Make the virtual environment with PYTHON, then install into it."
  (pen-install--run
   (list python "-m" "venv" "--clear" (pen-install-directory))
   #'pen-install--packages
   (lambda (process)
     (pen-install--failed
      (pen-install--sentence process)
      "If it speaks of ensurepip: apt-get install python3-venv.  Then try again."))))

(defun pen-install--packages ()
  "Install the packages."
  (pen-install--run
   (append (list (expand-file-name "bin/python" (pen-install-directory))
                 "-m" "pip" "install" "--disable-pip-version-check" "--progress-bar" "off")
           (pen-install--source))
   #'pen-install--check
   (lambda (process)
     (pen-install--failed
      (pen-install--sentence process)
      (if (pen-install--root)
          "Mend what it says above (network, disk space), then try again."
        "Mend what it says above and try again; or `make setup' in a checkout of pen, and set `pen-python-command' to its .venv/bin/python.")))))

(defun pen-install--check ()
  "See that what was installed answers, then have it used."
  (pen-install--run
   (list (expand-file-name "bin/python" (pen-install-directory)) "-P" "-m" "pen_backend" "--version")
   #'pen-install--finished
   (lambda (process)
     (pen-install--failed (pen-install--sentence process) "Look at what it says above."))))

(defun pen-install--sentence (process)
  "Say which command of PROCESS failed."
  (format "This command failed with status %s: %s" (process-exit-status process)
          (mapconcat #'shell-quote-argument (process-command process) " ")))

(defun pen-install--failed (what advice)
  "Say WHAT failed, and ADVICE."
  (pen-install--insert (concat "\n" (propertize what 'face 'error) "\n" advice "\n"))
  (message "%s  %s" what advice))

(defun pen-install--finished ()
  "Use what was installed."
  (let ((other (and pen-python-command
                    (not (file-in-directory-p pen-python-command (pen-install-directory))))))
    (pen-install--insert "\nInstalled.\n")
    (pen-rpc-restart)
    (message (if other
                 "Pen's backend is installed, but `pen-python-command' names another Python: %s"
               "Pen's backend is installed in %s.")
             (if other pen-python-command (pen-install-directory)))))

;;;; Commands

;;;###autoload
(defun pen-install-backend ()
  "Install pen's backend into a directory of its own, in the background.
The buffer *pen-install* shows each command and what it says."
  (interactive)
  (let ((pythons (pen-install--candidates))
        (buffer (get-buffer-create "*pen-install*")))
    (with-current-buffer buffer
      (unless (derived-mode-p 'special-mode)
        (special-mode)))
    (unless (process-live-p pen-install--process)
      (pen-install--insert (format "%s  Installing into %s\n" (format-time-string "%F %T")
                                   (pen-install-directory)))
      (make-directory (file-name-directory (pen-install-directory)) t)
      (pen-install--find pythons #'pen-install--venv))
    (display-buffer buffer)
    buffer))

(provide 'pen-install)
;;; pen-install.el ends here
