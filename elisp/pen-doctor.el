;;; pen-doctor.el --- See what keeps pen from working -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-doctor' looks at Emacs, at the Python that would run the service and at
;; the service itself, which then looks at the rest.  Each thing is a row: ok,
;; warn or fail, what was seen, and the command that mends it.  Without a
;; service the first rows say why there is none.

;;; Code:

(require 'cl-lib)
(require 'subr-x)
(require 'pen-rpc)
(require 'pen-rpc-methods)

;;;; Keymaps

(defvar pen-doctor-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map "i" #'pen-install-backend)
    (define-key map "r" #'pen-restart-backend)
    (define-key map "l" #'pen-log)
    (define-key map "w" #'pen-doctor-copy)
    map)
  "Keys of *pen-doctor*.")

;;;; Internal variables

(defconst pen-doctor--order
  '("Emacs" "transient" "Python" "venv" "packages" "service")
  "Names of the rows that come first, in this order.")

(defconst pen-doctor--probe "
import sys
try:
    from importlib.metadata import version
except ImportError:
    version = None
def of(name):
    try:
        return version(name)
    except Exception:
        return '-'
print('%d.%d.%d' % sys.version_info[:3], sys.prefix != getattr(sys, 'base_prefix', sys.prefix),
      of('pen-backend'), of('epc'), of('sexpdata'))
print(sys.prefix)"
  "What the Python is asked, in words that old ones understand too.")

(defconst pen-doctor--keys
  "\\<pen-doctor-mode-map>g look again  i install  r restart  l log  w copy for an issue  q quit"
  "What stands below the summary.")

(defconst pen-doctor--seconds 60
  "How long the service may look; a cold disk makes torch slow.")

(defvar-local pen-doctor--rows nil
  "Rows as plists :name :status :said :fix.")
(defvar-local pen-doctor--looking nil
  "What is still being looked at, a list of words.")

;;;; Declarations

(declare-function pen-install-backend "pen-install" ())

;;;; Functions: what is looked at

(defun pen-doctor--add (name status said &optional fix)
  "Put in the row NAME with STATUS, SAID and FIX, instead of one of that name."
  (setq pen-doctor--rows
        (append (cl-remove name pen-doctor--rows
                           :key (lambda (row) (plist-get row :name)) :test #'equal)
                (list (list :name name :status status :said said :fix fix))))
  (pen-doctor--draw))

(defun pen-doctor--done (what)
  "Note that WHAT has been looked at."
  (setq pen-doctor--looking (remove what pen-doctor--looking))
  (pen-doctor--draw))

(defun pen-doctor--look ()
  "Look at everything again, for this buffer."
  (setq pen-doctor--rows nil
        pen-doctor--looking (list "Python" "service"))
  (pen-doctor--emacs)
  (pen-doctor--transient)
  (pen-doctor--python)
  (pen-doctor--service))

(defun pen-doctor--emacs ()
  "Look at Emacs."
  (if (version< emacs-version "28.1")
      (pen-doctor--add "Emacs" 'fail (format "%s is too old" emacs-version)
                       "Install Emacs 28.1 or later")
    (pen-doctor--add "Emacs" 'ok (format "%s, %s" emacs-version
                                         (if (display-graphic-p) "graphical" "in a terminal")))))

(defun pen-doctor--transient ()
  "Look at transient, which the menu needs."
  (let ((version (and (require 'transient nil t)
                      (if (boundp 'transient-version)
                          (symbol-value 'transient-version)
                        "the one that comes with Emacs"))))
    (if version
        (pen-doctor--add "transient" 'ok (format "%s" version))
      (pen-doctor--add "transient" 'warn "is missing; M-x pen-menu needs it"
                       "M-x package-install RET transient RET"))))

(defun pen-doctor--python ()
  "Ask the Python that would run the service what it is."
  (let* ((buffer (current-buffer))
         (python (pen-rpc-python))
         (program (executable-find python)))
    (if (not program)
        (progn
          (pen-doctor--add "Python" 'fail (format "there is no program %s" python)
                           "M-x pen-install-backend, or set `pen-python-command'")
          (pen-doctor--done "Python"))
      (let ((output (generate-new-buffer " *pen-doctor python*")))
        (make-process
         :name "pen-doctor" :buffer output :noquery t :connection-type 'pipe
         :command (list program "-c" pen-doctor--probe)
         :sentinel (lambda (process _event)
                     (unless (process-live-p process)
                       (let ((said (with-current-buffer output (buffer-string))))
                         (kill-buffer output)
                         (when (buffer-live-p buffer)
                           (with-current-buffer buffer
                             (pen-doctor--python-said program process said)))))))))))

(defun pen-doctor--python-said (program process said)
  "Make rows of what PROGRAM, which ran as PROCESS, SAID."
  (pcase (pen-doctor--read-probe said)
    (`(,version ,venv ,pen ,epc ,sexpdata ,prefix)
     (if (version< version "3.11")
         (pen-doctor--add "Python" 'fail (format "%s, %s; pen needs 3.11 or later" version program)
                          "M-x pen-install-backend, or set `pen-python-command' to a newer one")
       (pen-doctor--add "Python" 'ok (format "%s, %s" version program)))
     (if (equal venv "True")
         (pen-doctor--add "venv" 'ok prefix)
       (pen-doctor--add "venv" 'warn "this is the system's Python"
                        "M-x pen-install-backend makes one of its own"))
     (if (member "-" (list pen epc sexpdata))
         (pen-doctor--add "packages" 'fail
                          (format "pen-backend %s, epc %s, sexpdata %s" pen epc sexpdata)
                          "M-x pen-install-backend")
       (pen-doctor--add "packages" 'ok
                        (format "pen-backend %s, epc %s, sexpdata %s" pen epc sexpdata))))
    (_ (pen-doctor--add "Python" 'fail
                        (format "%s does not work: status %s%s" program (process-exit-status process)
                                (if (string-blank-p said) ""
                                  (concat ", it said: " (string-trim said))))
                        "M-x pen-install-backend, or set `pen-python-command'")))
  (pen-doctor--done "Python"))

(defun pen-doctor--read-probe (said)
  "Return the six values that the probe has printed, nil if it has not.
Others may have SAID something before and after it: wrappers, warnings."
  (when (string-match (concat "^\\([0-9.]+\\) \\(True\\|False\\) \\([^ \n]+\\) \\([^ \n]+\\) \\([^ \n]+\\)\n"
                              "\\(.*\\)")
                      said)
    (mapcar (lambda (group) (match-string group said)) (number-sequence 1 6))))

(defun pen-doctor--service ()
  "Ask the service to look at the rest."
  (let ((buffer (current-buffer)))
    (pen-rpc-doctor-check
     :then (pen-rpc-in-buffer buffer #'pen-doctor--answered)
     :else (pen-rpc-in-buffer buffer #'pen-doctor--failed))
    (run-at-time pen-doctor--seconds nil
                 (pen-rpc-in-buffer buffer #'pen-doctor--late))))

(defun pen-doctor--answered (rows)
  "Take over the ROWS that the service has."
  (let ((hello (pen-rpc-server)))
    (if (equal pen-rpc-methods-hash (plist-get hello :methods-hash))
        (pen-doctor--add "service" 'ok (format "pen %s, protocol %s, process %s"
                                               (plist-get hello :server)
                                               (plist-get hello :protocol) (pen-rpc-pid)))
      (pen-doctor--add "service" 'warn
                       (format "pen %s is not of one version with pen %s in Emacs"
                               (plist-get hello :server) pen-rpc-version)
                       "M-x pen-install-backend")))
  (dolist (row rows)
    (pen-doctor--add (plist-get row :name) (plist-get row :status)
                     (plist-get row :said) (plist-get row :fix)))
  (pen-doctor--done "service"))

(defun pen-doctor--failed (err)
  "Make a row of ERR, why there is no service."
  (let* ((plist (nth 2 err))
         (hint (or (plist-get plist :hint) ""))
         (said (pen-rpc-start-said)))
    (pen-doctor--add "service" 'fail (plist-get plist :message)
                     (unless (or (string-empty-p hint)
                                 (string-suffix-p pen-rpc-see-doctor hint)) ; who reads it is there
                       hint))
    (when said
      (pen-doctor--add "it said" 'fail said)))
  (pen-doctor--done "service"))

(defun pen-doctor--late ()
  "Say that the service does not answer, if it does not."
  (when (member "service" pen-doctor--looking)
    (pen-doctor--add "service" 'fail
                     (format "has not answered for %d seconds" pen-doctor--seconds)
                     "M-x pen-restart-backend")
    (pen-doctor--done "service")))

;;;; Functions: drawing

(defun pen-doctor--draw ()
  "Draw the rows; point stays where it is."
  (let ((inhibit-read-only t)
        (point (point)))
    (erase-buffer)
    (insert (propertize "What pen needs, and how it is" 'face 'bold) "\n"
            (pen-doctor--summary) "\n"
            (propertize (substitute-command-keys pen-doctor--keys) 'face 'shadow) "\n\n")
    (mapc #'pen-doctor--insert (pen-doctor--sorted))
    (goto-char (min point (point-max)))))

(defun pen-doctor--sorted ()
  "Return the rows, those of Emacs and the service first."
  (let ((first (delq nil (mapcar (lambda (name)
                                   (cl-find name pen-doctor--rows :test #'equal
                                            :key (lambda (row) (plist-get row :name))))
                                 pen-doctor--order))))
    (append first (cl-set-difference pen-doctor--rows first))))

(defun pen-doctor--insert (row)
  "Insert ROW, and below it what mends it."
  (let ((status (plist-get row :status))
        (fix (plist-get row :fix))
        (start (point)))
    (insert (propertize (format "%-5s" status)
                        'face (pcase status ('ok 'success) ('warn 'warning) (_ 'error)))
            " " (propertize (format "%-13s" (plist-get row :name)) 'face 'bold)
            (propertize (pen-doctor--indented (plist-get row :said))
                        'wrap-prefix (make-string 19 ?\s))
            "\n")
    (when fix
      (insert (make-string 19 ?\s) "→ "
              (propertize (pen-doctor--indented fix 21) 'wrap-prefix (make-string 21 ?\s))
              "\n"))
    (pen-doctor--buttons start)))

(defun pen-doctor--indented (text &optional columns)
  "Return TEXT with further lines indented by COLUMNS (19)."
  (replace-regexp-in-string "\n[ \t]*" (concat "\n" (make-string (or columns 19) ?\s))
                            (string-trim (or text ""))))

(defun pen-doctor--buttons (start)
  "Make buttons of the commands that the text from START names."
  (save-excursion
    (goto-char start)
    (while (re-search-forward "M-x \\(pen-[a-z-]+\\)" nil t)
      (let ((command (intern-soft (match-string 1))))
        (when (and command (fboundp command))
          (make-text-button (match-beginning 0) (match-end 0)
                            'action (lambda (_) (call-interactively command))
                            'help-echo "RET runs it"))))))

(defun pen-doctor--summary ()
  "Return what is still looked at, else how many rows are not ok."
  (let ((bad (cl-count-if-not (lambda (row) (eq (plist-get row :status) 'ok)) pen-doctor--rows)))
    (cond (pen-doctor--looking
           (propertize (format "Looking at: %s …" (string-join pen-doctor--looking ", "))
                       'face 'shadow))
          ((zerop bad) (propertize "All is well." 'face 'success))
          (t (propertize (format "%d to look at." bad) 'face 'warning)))))

;;;; Commands

(define-derived-mode pen-doctor-mode special-mode "Pen-Doctor"
  "Mode of *pen-doctor*.

\\{pen-doctor-mode-map}"
  :interactive nil
  (setq truncate-lines nil
        word-wrap t)
  (setq-local revert-buffer-function (lambda (&rest _) (pen-doctor--look))))

;;;###autoload
(defun pen-doctor ()
  "Show everything that pen needs and how it is; return the buffer."
  (interactive)
  (let ((buffer (get-buffer-create "*pen-doctor*")))
    (with-current-buffer buffer
      (pen-doctor-mode)
      (pen-doctor--look))
    (pop-to-buffer buffer)
    buffer))

(defun pen-doctor-copy ()
  "Copy the rows for an issue, with your home directory left out."
  (interactive nil pen-doctor-mode)
  (kill-new (replace-regexp-in-string (regexp-quote (expand-file-name "~")) "~"
                                      (buffer-substring-no-properties (point-min) (point-max))
                                      t t))
  (message "Copied."))

;;;###autoload
(defun pen-restart-backend ()
  "End pen's service and start another; running jobs go on and are followed on."
  (interactive)
  (pen-rpc-restart)
  (pen-rpc-call "pen-hello" (pen-rpc-greeting)
                (lambda (hello)
                  (message "Pen's service runs as process %s." (plist-get hello :pid)))))

;;;###autoload
(defun pen-log ()
  "Show what pen has logged in this Emacs; return the buffer."
  (interactive)
  (let ((buffer (get-buffer-create "*pen-log*")))
    (with-current-buffer buffer
      (unless (derived-mode-p 'special-mode)
        (special-mode))
      (setq word-wrap t
            wrap-prefix "         ")    ; below the text, not the time
      (setq-local revert-buffer-function (lambda (&rest _) (goto-char (point-max))))
      (goto-char (point-max)))
    (pop-to-buffer buffer)
    (when (zerop (buffer-size buffer))
      (message "Nothing was logged in this Emacs; M-x pen-doctor says where the service's log is"))
    buffer))

(provide 'pen-doctor)
;;; pen-doctor.el ends here
