;;; pen-menu.el --- The commands of pen in one menu -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-menu' offers the commands of pen; each of them works by M-x, too, and no
;; other file needs this one.  The options at its foot go with the completion
;; that is chosen.  Only what transient 0.3.7, that of Emacs 28, can do is used.

;;; Code:

(require 'seq)
(require 'subr-x)
(require 'transient)
(require 'pen)
(require 'pen-rpc)
(require 'pen-request)
(require 'pen-complete)
(require 'pen-command)

;;;; Internal variables

(defconst pen-menu--options
  '(("candidates=" :n "\\`[1-9][0-9]*\\'" "a whole number from 1")
    ("temperature=" :temperature "\\`[0-9]*\\.?[0-9]+\\'" "a number such as 0.8")
    ("max-tokens=" :max-tokens "\\`[1-9][0-9]*\\'" "a whole number from 1"))
  "Options: argument, key, what its value looks like, and that in words.")

;;;; Functions

(defun pen-menu--model ()
  "Return which model answers, for the menu."
  (format "model: %s" (or pen-force-engine pen-default-model "the newest tuned")))

(defun pen-menu--backend ()
  "Return how the service is, for the menu."
  (format "backend: %s"
          (pcase (pen-rpc-state)
            ('ready "running")
            ('starting "starting")
            ('stopped "starts with the first request")
            (state (format "%s, ? tells why" state)))))

(defun pen-menu--title ()
  "Return the first line of the menu."
  (concat (propertize "Pen" 'face 'transient-heading) "   "
          (propertize (pen-menu--model) 'face 'transient-value) "      "
          (pen-menu--backend)))

(defun pen-menu--read (argument initial history)
  "Read the value of ARGUMENT of the menu until it is one, or empty for none.
INITIAL and HISTORY are as in `read-string'."
  (pcase-let ((`(,_ ,shape ,words) (cdr (assoc argument pen-menu--options)))
              (text nil))
    (while (not (or (member (setq text (read-string argument initial history)) '("" nil))
                    (string-match-p shape text)))
      (setq initial text)
      (message "%S cannot be; give %s" text words)
      (sit-for 1.5))
    (and (not (equal text "")) text)))

(defun pen-menu--given (arguments)
  "Return ARGUMENTS of the menu as a plist."
  (let (plist)
    (pcase-dolist (`(,argument ,key ,shape ,words) pen-menu--options)
      (when-let ((given (seq-find (lambda (each) (string-prefix-p argument each)) arguments)))
        (let ((text (substring given (length argument))))
          (unless (string-match-p shape text)
            (user-error "The option %s is \"%s\"; give it %s"
                        (substring argument 0 -1) text words))
          (setq plist (plist-put plist key (string-to-number text))))))
    plist))

(defun pen-menu--arguments ()
  "Return the options set in the menu as a plist."
  (pen-menu--given (transient-args 'pen-menu)))

(defun pen-menu--with-options (command)
  "Read the arguments of COMMAND, one for any definition, and call it.
The options set in the menu go with them."
  (let* ((options (pen-menu--arguments))
         (spec (cadr (interactive-form command)))
         (arguments (eval spec t)))
    (apply command (append arguments options))))

;;;; Commands

(defun pen-menu-pun ()
  "Continue the puns before point with the options of the menu."
  (interactive)
  (pen-complete-here (pen-menu--arguments)))

(defun pen-menu-long ()
  "Continue the text before point for longer, with the options of the menu."
  (interactive)
  (pen-complete-here (append (pen-menu--arguments) '(:long t))))

(defun pen-menu-run ()
  "Run a prompt definition with the options of the menu."
  (interactive)
  (pen-menu--with-options #'pen-run-prompt-function))

(defun pen-menu-filter ()
  "Rewrite the region by a prompt definition with the options of the menu."
  (interactive)
  (pen-menu--with-options #'pen-filter-with-prompt-function))

;;;###autoload (autoload 'pen-menu "pen-menu" "Choose among the commands of pen." t)
(transient-define-prefix pen-menu ()
  "Choose among the commands of pen."
  [:description pen-menu--title
   ["Complete"
    ("p" "pun at point" pen-menu-pun)
    ("c" "longer" pen-menu-long)
    ("r" "run prompt…" pen-menu-run)
    ("R" "filter region" pen-menu-filter)
    ("g" "again" pen-complete-again)
    ("L" "candidates" pen-preview-list)
    ("D" "a definition" pen-describe-prompt)]
   ["Data set"
    ("b" "build from region" pen-dataset-region)
    ("B" "build from file" pen-dataset-file)
    ("o" "build from org" pen-dataset-subtree)
    ("i" "inspect" pen-dataset-inspect)
    ("w" "WhatsApp export" pen-dataset-whatsapp)]
   ["Fine-tune"
    ("f" "fine-tune region" pen-finetune-region)
    ("F" "from a file" pen-finetune-file)
    ("O" "from org" pen-finetune-subtree)
    ("j" "jobs" pen-jobs)
    ("a" "abort request" pen-abort)]
   ["Models"
    ("m" "choose model" pen-choose-model)
    ("x" "compare two" pen-compare)
    ("P" "last prompt" pen-show-last-prompt)
    ("?" "doctor" pen-doctor)
    ("l" "log" pen-log)
    ("I" "install" pen-install-backend)
    ("S" "restart" pen-restart-backend)
    ("C" "customize" pen-customize)]]
  ["Options of a completion"
   :class transient-row
   ("-n" "candidates" "candidates=" :reader pen-menu--read :format " %k %v")
   ("-t" "temperature" "temperature=" :reader pen-menu--read :format " %k %v")
   ("-T" "max-tokens" "max-tokens=" :reader pen-menu--read :format " %k %v")])

(provide 'pen-menu)
;;; pen-menu.el ends here
