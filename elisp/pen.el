;;; pen.el --- Fine-tune and prompt language models -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers

;; Author: The pen maintainers
;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1"))
;; Keywords: convenience, tools
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;; This program is free software; you can redistribute it and/or modify
;; it under the terms of the GNU General Public License as published by
;; the Free Software Foundation, either version 3 of the License, or
;; (at your option) any later version.

;; This program is distributed in the hope that it will be useful,
;; but WITHOUT ANY WARRANTY; without even the implied warranty of
;; MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
;; GNU General Public License for more details.

;; You should have received a copy of the GNU General Public License
;; along with this program.  If not, see <https://www.gnu.org/licenses/>.

;;; Commentary:

;; Mark a region of puns, M-x pen-finetune-region, look at the training set,
;; C-c C-c, watch the loss fall, then M-x pen-pun-complete.  Everything runs on
;; this machine.
;;
;; This file starts nothing and loads nothing; the commands load the rest.
;; Every command works by M-x.  With `pen-mode' they are also on the prefix
;; C-c ; (`pen-keymap-prefix').  To paste into an init file:
;;
;;   (add-to-list 'load-path "/path/to/pen/elisp")
;;   (require 'pen)
;;   (add-hook 'text-mode-hook #'pen-mode)
;;
;;   (global-set-key (kbd "C-c p") #'pen-menu)

;;; Code:

;;;; Customization

(defgroup pen nil
  "Fine-tune and prompt language models."
  :group 'convenience
  :prefix "pen-")

(defcustom pen-keymap-prefix "C-c ;"
  "Key before the keys of `pen-mode'; set it before pen is loaded."
  :type 'string
  :group 'pen)

(defcustom pen-mode-line t
  "Whether the mode line tells of running requests and jobs."
  :type 'boolean
  :group 'pen)

;;;; Keymaps

(defvar pen-command-map
  (let ((map (make-sparse-keymap)))
    (define-key map "p" #'pen-pun-complete)
    (define-key map "c" #'pen-complete-long)
    (define-key map "r" #'pen-run-prompt-function)
    (define-key map "R" #'pen-filter-with-prompt-function)
    (define-key map "f" #'pen-finetune-region)
    (define-key map "d" #'pen-dataset-region)
    (define-key map "j" #'pen-jobs)
    (define-key map "m" #'pen-choose-model)
    (define-key map "x" #'pen-compare)
    (define-key map "g" #'pen-complete-again)
    (define-key map "a" #'pen-abort)
    (define-key map "l" #'pen-preview-list)
    (define-key map "?" #'pen-menu)
    map)
  "Keys after `pen-keymap-prefix'.")

(defvar pen-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd pen-keymap-prefix) pen-command-map)
    map)
  "Keys of `pen-mode'.")

;;;; Internal variables

(defconst pen-files '(pen-prompt pen-command pen-request pen-context pen-preview pen-complete pen-dataset
                                 pen-finetune pen-jobs pen-plot pen-rpc pen-key ob-pen)
  "The files that hold options.")

(defvar pen-prompt-functions nil
  "The commands made of prompt definitions, sorted.")

(defconst pen--directory (file-name-directory (or load-file-name buffer-file-name "/"))
  "Where this file is.")

;; Org reads it before it calls what loads ob-pen.el.
(defvar org-babel-default-header-args:pen '((:results . "replace drawer"))
  "What blocks of pen have in their headers unless they say otherwise.")

;;;; Declarations

;; A test holds these against the autoload cookies of the files.
(autoload 'pen-complete "pen-complete" "Complete by a prompt definition." nil)
(autoload 'pen-pun-complete "pen-complete" "Continue the puns before point." t)
(autoload 'pen-complete-again "pen-complete" "Ask for other candidates." t)
(autoload 'pen-complete-long "pen-complete" "Continue the text before point for longer." t)
(autoload 'pen-generate-prompt-functions "pen-command" "Define a command for each prompt." t)
(autoload 'pen-run-prompt-function "pen-command" "Run a prompt definition." t)
(autoload 'pen-filter-with-prompt-function "pen-command" "Rewrite the region by a prompt." t)
(autoload 'pen-describe-prompt "pen-prompt-page" "Show all of a prompt definition." t)
(autoload 'pen-acolyte-minor-mode "pen-acolyte" "Have the keys of pen.el." t)
(autoload 'pen-acolyte-find-prompt "pen-acolyte" "Visit a prompt definition." t)
(autoload 'prompt-description-mode "pen-prompt-mode" "Edit a prompt definition." t)
(autoload 'pen-choose-model "pen-model" "Choose the model that answers." t)
(autoload 'pen-show-last-prompt "pen-last-prompt" "Show what a model read last." t)
(autoload 'pen-preview-list "pen-preview" "Choose among the last candidates." t)
(autoload 'pen-abort "pen-answer" "Stop the request of this buffer." t)
(autoload 'pen-dataset-region "pen-dataset" "Show the training set of a region." t)
(autoload 'pen-dataset-file "pen-dataset" "Show the training set of a file." t)
(autoload 'pen-dataset-subtree "pen-dataset" "Show the training set of an org subtree." t)
(autoload 'pen-dataset-inspect "pen-dataset-inspect" "Check a training set that is there." t)
(autoload 'pen-dataset-whatsapp "pen-dataset-chat" "Show the training set of a chat." t)
(autoload 'pen-finetune-region "pen-finetune" "Fine-tune a model on the region." t)
(autoload 'pen-finetune-file "pen-finetune" "Fine-tune a model on a file." t)
(autoload 'pen-finetune-subtree "pen-finetune" "Fine-tune a model on an org subtree." t)
(autoload 'pen-compare "pen-compare" "Compare two models side by side." t)
(autoload 'pen-job "pen-job" "Show a fine-tuning job live." t)
(autoload 'pen-job-cancel "pen-job-action" "Stop a fine-tuning job for good." t)
(autoload 'pen-job-pause "pen-job-action" "Pause a fine-tuning job." t)
(autoload 'pen-job-resume "pen-job-action" "Let a paused job go on." t)
(autoload 'pen-jobs "pen-jobs" "List the fine-tuning jobs." t)
(autoload 'pen-doctor "pen-doctor" "Show everything that pen needs and how it is." t)
(autoload 'pen-restart-backend "pen-doctor" "Start another service." t)
(autoload 'pen-log "pen-doctor" "Show what pen has logged." t)
(autoload 'pen-install-backend "pen-install" "Install pen's backend." t)
(autoload 'pen-menu "pen-menu" "Choose among the commands of pen." t)
(autoload 'org-babel-execute:pen "ob-pen" "Ask what an org block says." nil)
(autoload 'pen-batch-complete "pen-batch" "Complete in a batch Emacs." nil)
(autoload 'pen-batch-dataset "pen-batch" "Build training sets in a batch Emacs." nil)
(autoload 'pen-batch-finetune "pen-batch" "Fine-tune in a batch Emacs." nil)
(autoload 'pen-batch-execute-org "pen-batch" "Run org blocks in a batch Emacs." nil)
(autoload 'pen-batch-lint-prompts "pen-batch" "Lint definitions in a batch Emacs." nil)

;;;; Functions

(defun pen--mode-line ()
  "Return the lighter of `pen-mode', with what is running."
  (concat " Pen"
          (and pen-mode-line (bound-and-true-p pen-answer-activity))
          (and pen-mode-line (bound-and-true-p pen-job-activity)
               (propertize pen-job-activity
                           'mouse-face 'mode-line-highlight
                           'help-echo "mouse-1: the jobs"
                           'local-map (let ((map (make-sparse-keymap)))
                                        (define-key map [mode-line mouse-1] #'pen-jobs)
                                        map)))))

(defun pen--autoload-prompt-functions ()
  "Make the commands known that are made of prompt definitions.
They are those that the service spoke of last; if it never did, those
of the definitions that come with pen."
  (let ((heard (expand-file-name "pen/prompt-functions.eld" user-emacs-directory)))
    (setq pen-prompt-functions
          (delq nil (mapcar #'pen--autoload-prompt-function
                            (or (cdr (pen--first-form heard))
                                (cadr (nth 2 (pen--first-form
                                              (expand-file-name "pen-prompts.el" pen--directory))))))))))

(defun pen--first-form (file)
  "Return the first form in FILE; nil if it cannot be read."
  (ignore-errors
    (with-temp-buffer
      (insert-file-contents file)
      (read (current-buffer)))))

(defun pen--autoload-prompt-function (entry)
  "Make the command of ENTRY known, (NAME . DOC), and return its symbol.
If there is a function of that name, return nil."
  (let ((symbol (intern (car entry))))
    (unless (fboundp symbol)
      (put symbol 'pen-prompt t)
      (autoload symbol "pen-command" (cdr entry) t)
      symbol)))

;;;; Commands

;;;###autoload
(define-minor-mode pen-mode
  "Have the commands of pen on the prefix `pen-keymap-prefix'.

\\{pen-mode-map}"
  :lighter (:eval (pen--mode-line))
  :keymap pen-mode-map)

;;;###autoload
(defun pen-customize ()
  "Show the options of pen."
  (interactive)
  (mapc #'require pen-files)
  (customize-group 'pen))

;; Not a cookie: which commands there are is known only here.
(pen--autoload-prompt-functions)

(provide 'pen)
;;; pen.el ends here
