;;; pen-dataset.el --- Look at a training set before anything is spent -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The service builds a training set and returns a plan: what was found, the
;; statistics, the cost, and the first rows with the weight of each of their
;; segments.  The buffer *pen-dataset* shows it (pen-dataset-view.el); rows can
;; be left out, moved and rewritten there (pen-dataset-edit.el), and options
;; set (pen-dataset-menu.el).  The commands here only look; pen-finetune.el
;; adds the launch.
;;
;; From Lisp nothing is shown, and the plan is the value:
;;
;;   (pen-dataset-file "puns.org" :prompt "pun-complete" :valid-share 0.2)

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'pen-plist)
(require 'pen-project)
(require 'pen-redraw)
(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-stream)
(require 'pen-org)
(require 'pen-source)
(require 'pen-dataset-options)
(require 'pen-dataset-state)
(require 'pen-dataset-view)
(require 'pen-dataset-edit)
(require 'pen-dataset-rendering)

;;;; Keymaps

(defvar pen-dataset-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "RET") #'pen-dataset-visit)
    (define-key map (kbd "TAB") #'pen-dataset-toggle-row)
    (define-key map (kbd "P") #'pen-dataset-rendering)
    (define-key map (kbd "d") #'pen-dataset-exclude)
    (define-key map (kbd "v") #'pen-dataset-other-side)
    (define-key map (kbd "e") #'pen-dataset-edit)
    (define-key map (kbd "u") #'pen-dataset-unmark)
    (define-key map (kbd "U") #'pen-dataset-unmark-all)
    (define-key map (kbd "n") #'pen-dataset-next-finding)
    (define-key map (kbd "p") #'pen-dataset-previous-finding)
    (define-key map (kbd "o") #'pen-dataset-set-option)
    (define-key map (kbd "C-c C-o") #'pen-dataset-menu)
    (define-key map (kbd "C-x C-w") #'pen-dataset-write)
    (define-key map (kbd "C-c C-c") #'pen-dataset-launch)
    (define-key map (kbd "C-c C-k") #'pen-dataset-abort)
    map)
  "Keys of *pen-dataset*.")

;;;; Internal variables

(autoload 'pen-dataset-menu "pen-dataset-menu" "Set the options of a training set and its job." t)

(defvar-local pen-dataset--stream nil "The running request for a plan.")
(defvar-local pen-dataset--how nil "Function that asks for what is shown here.")
(defvar-local pen-dataset--line nil "Line that was looked at before.")
(defvar-local pen-dataset--refused nil
  "Non-nil if somebody was told that the plan asked for is not ready yet.")
(defvar-local pen-dataset--next nil
  "Function to call, in this buffer, once the plan asked for is shown.")

;;;; Functions

(defun pen-dataset-request (source arguments &optional edits)
  "Return the arguments of the method datasets-plan.
They are those for SOURCE, ARGUMENTS and the changes by hand EDITS."
  (let* ((given (pen-dataset-options-among arguments pen-dataset-options))
         (reader (plist-get given :reader))
         (request (pen-source-request source)))
    (when reader
      (setq request (plist-put request :reader (format "%s" reader))))
    (append request
            (pen-plist-without given '(:reader))
            (and edits (list :edits (pen-dataset-edits-wire edits))))))

(defun pen-dataset-plan (source arguments &optional function)
  "Return the plan for SOURCE and ARGUMENTS; wait for it.
:edits of ARGUMENTS are changes of single records, as the method
datasets-plan has them.  FUNCTION gets the events meanwhile."
  (unwind-protect
      (pen-stream-wait #'pen-rpc-datasets-plan
                       (pen-dataset-request source arguments (plist-get arguments :edits))
                       600 function)
    (pen-source-forget source)))

(defun pen-dataset-show (source arguments &optional launch options)
  "Ask for a plan for SOURCE and ARGUMENTS and show it in *pen-dataset*.
LAUNCH is called with the plan and the arguments to train on it,
OPTIONS are those that can be set in the buffer."
  (pen-dataset-open source arguments #'pen-dataset--ask-plan
                    (or options pen-dataset-options) launch))

(defun pen-dataset-open (source arguments how options &optional launch)
  "Show in *pen-dataset* what the function HOW asks of SOURCE with ARGUMENTS.
OPTIONS and LAUNCH are as in `pen-dataset-show'."
  (let ((buffer (pen-project-buffer "*pen-dataset*")))
    (with-current-buffer buffer
      (when (derived-mode-p 'pen-dataset-mode)
        (pen-dataset--stop))
      (pen-dataset-mode)
      (setq pen-dataset--source source
            pen-dataset--arguments arguments
            pen-dataset--edits (plist-get arguments :edits)
            pen-dataset--launch launch
            pen-dataset--options options
            pen-dataset--how how)
      (pen-dataset-ask))
    (pop-to-buffer buffer)))

(defun pen-dataset-ask (&optional next)
  "Ask for the plan of this buffer, and call NEXT once it is there."
  (when pen-dataset--stream
    (pen-stream-cancel pen-dataset--stream))
  (funcall pen-dataset--how)
  (setq pen-dataset--next next))

(defun pen-dataset--ask-plan ()
  "Ask for the plan of this buffer."
  (let ((request (pen-dataset-request pen-dataset--source pen-dataset--arguments
                                      pen-dataset--edits)))
    (pen-dataset-ask-by (lambda (function)
                          (pen-stream-start #'pen-rpc-datasets-plan request function)))))

(defun pen-dataset-ask-by (start &optional make)
  "Have START ask the service and show what comes back.
START is called with a function for events and returns a stream; MAKE
turns the value at the end into a plan."
  (setq pen-dataset--line (and pen-dataset--plan (line-number-at-pos))
        pen-dataset--plan nil
        pen-dataset--refused nil
        pen-dataset--asked (pen-dataset-question))
  (pen-dataset-say "Building the training set…")
  (setq pen-dataset--stream
        (funcall start
                 (pen-rpc-in-buffer
                  (current-buffer)
                  (lambda (kind plist)
                    (pen-dataset--event
                     kind (if (and make (eq kind 'done) (plist-get plist :value))
                              (list :value (funcall make (plist-get plist :value)))
                            plist)))))))

(defun pen-dataset--event (kind plist)
  "Show the event KIND with PLIST of the request for a plan."
  (pcase kind
    ('progress (when (plist-get plist :done)
                 (pen-dataset-say "Building the training set… %s%s %s"
                                  (plist-get plist :done)
                                  (if-let ((total (plist-get plist :total)))
                                      (format " of %s" total) "")
                                  (or (plist-get plist :unit) ""))))
    ('done (setq pen-dataset--plan (plist-get plist :value)
                 pen-dataset--stream nil)
           (pen-dataset-draw)
           (pen-dataset--return)
           (when pen-dataset--refused
             (message "The training set is ready now"))
           (pen-dataset--go-on))
    ('error (setq pen-dataset--stream nil)
            (pen-dataset-say "%s\n\nC-c C-o changes an option%s, g asks again, q leaves."
                             (pen-rpc-sentence plist)
                             (if pen-dataset--edits ", U takes all changes by hand back" ""))
            (pen-rpc-tell plist))))

(defun pen-dataset--return ()
  "Go back to the line that was looked at when the plan was asked for.
If there is none, go to what comes first."
  (if (not pen-dataset--line)
      (pen-dataset-to-first)
    (goto-char (point-min))
    (forward-line (1- pen-dataset--line)))
  (dolist (window (get-buffer-window-list nil nil t))
    (set-window-point window (point))))

(defun pen-dataset--go-on ()
  "Do what the plan was asked for, from a timer: it may ask a question."
  (when-let ((next pen-dataset--next))
    (setq pen-dataset--next nil)
    (run-at-time 0 nil
                 (pen-rpc-in-buffer
                  (current-buffer)
                  (lambda ()
                    (with-local-quit
                      (condition-case err
                          (funcall next)
                        (user-error (message "%s" (error-message-string err))))))))))

(defun pen-dataset--ready (next)
  "Call NEXT in this buffer once its plan is up to date.
If it is not, build it first."
  (cond (pen-dataset--stream
         (setq pen-dataset--refused t)
         (user-error "The training set is not ready yet; it will be said here when it is"))
        ((or (null pen-dataset--plan) (pen-dataset-stale-p))
         (pen-dataset-ask next))
        (t (funcall next))))

(defun pen-dataset--stop ()
  "Stop asking for the plan, and leave nothing behind."
  (when pen-dataset--stream
    (pen-stream-cancel pen-dataset--stream))
  (when pen-dataset--source
    (pen-source-forget pen-dataset--source)))

(defun pen-dataset--look (source options)
  "Wait for the plan for SOURCE and OPTIONS; with :show t, show it instead."
  (let ((arguments (pen-dataset-arguments options)))
    (if (plist-get options :show)
        (pen-dataset-show source arguments)
      (pen-dataset-plan source arguments))))

(defun pen-dataset-subtree-options (options)
  "Return OPTIONS filled up from the org properties at point."
  (let ((arguments (pen-org-arguments options '(:prompt :model :loss-weights))))
    (if-let ((split (and (not (plist-member options :valid-share))
                         (plist-get (pen-org-arguments nil '(:split)) :split))))
        (append arguments
                (list :valid-share (pen-dataset-option-value
                                    (assq :valid-share pen-dataset-options) split)))
      arguments)))

;;;; Commands: training sets

(define-derived-mode pen-dataset-mode special-mode "Pen-Dataset"
  "Mode of *pen-dataset*, where a training set is looked at before it is used.

\\{pen-dataset-mode-map}"
  :interactive nil
  (setq truncate-lines t
        bidi-paragraph-direction 'left-to-right)
  (setq-local revert-buffer-function (lambda (&rest _) (pen-dataset-ask)))
  (pen-redraw-this-buffer (lambda () (when pen-dataset--plan (pen-dataset-draw))))
  (add-hook 'kill-buffer-hook #'pen-dataset--stop nil t))

;;;###autoload
(defun pen-dataset-region (beg end &rest options)
  "Show the training set made from the text from BEG to END.
From Lisp, OPTIONS are the keys of `pen-dataset-options', and the
value is the plan."
  (interactive (append (pen-source-read-region) '(:show t)))
  (pen-dataset--look (pen-source-region beg end) options))

;;;###autoload
(defun pen-dataset-file (file &rest options)
  "Show the training set made from FILE, whatever it is.
Org files, jokes as JSON, WhatsApp exports, subtitles, CSV, JSONL and
more are told apart by their content; :reader settles it.  From Lisp,
OPTIONS are the keys of `pen-dataset-options', and the value is the
plan."
  (interactive (list (pen-source-read-file "Training set from file: ") :show t))
  (pen-dataset--look (pen-source-file file) options))

;;;###autoload
(defun pen-dataset-subtree (&rest options)
  "Show the training set made from the org subtree at point.
OPTIONS and the value are as in `pen-dataset-region'; the properties
PEN_PROMPT, PEN_MODEL, PEN_WEIGHTS and PEN_SPLIT count, too."
  (interactive '(:show t))
  (pen-dataset--look (pen-source-subtree) (pen-dataset-subtree-options options)))

;;;; Commands: in the preview

(defun pen-dataset-visit ()
  "Go to where the row or finding at point comes from."
  (interactive)
  (pen-source-visit pen-dataset--source
                    (or (get-text-property (point) 'pen-where)
                        (user-error "Nothing on this line has a source"))))

(defun pen-dataset-toggle-row ()
  "Show the row at point whole, or in one line again."
  (interactive)
  (let ((number (pen-dataset-row-number)))
    (setq pen-dataset--expanded (if (memq number pen-dataset--expanded)
                                    (remq number pen-dataset--expanded)
                                  (cons number pen-dataset--expanded)))
    (pen-dataset-draw)))

(defun pen-dataset-set-option (&optional name)
  "Set the option called NAME, and build again if the training set depends on it."
  (interactive)
  (let* ((options pen-dataset--options)
         (name (or name (completing-read "Option: " (mapcar #'pen-dataset-option-name options)
                                         nil t)))
         (option (seq-find (lambda (each) (equal name (pen-dataset-option-name each)))
                           options)))
    (when option
      (pen-dataset-set (car option)
                       (pen-dataset-read-option
                        option (plist-get pen-dataset--arguments (car option))))
      (when (pen-dataset-stale-p)
        (pen-dataset-ask)))))

(defun pen-dataset-set (key value)
  "Set the option KEY of this preview to VALUE and draw it."
  (setq pen-dataset--arguments (plist-put (copy-sequence pen-dataset--arguments) key value))
  (when pen-dataset--plan
    (pen-dataset-draw)))

(defun pen-dataset-unmark-all ()
  "Take back everything that was changed by hand."
  (interactive)
  (unless pen-dataset--edits
    (user-error "Nothing was changed by hand"))
  (setq pen-dataset--edits nil)
  (if pen-dataset--plan (pen-dataset-draw) (pen-dataset-ask)))

(defun pen-dataset-launch ()
  "Train on the training set of this buffer, with all that was changed in it."
  (interactive)
  (unless pen-dataset--launch
    (user-error "This preview only looks; M-x pen-finetune-region trains"))
  (pen-dataset--ready (lambda ()
                        (funcall pen-dataset--launch
                                 pen-dataset--plan pen-dataset--arguments))))

(defun pen-dataset-write (file)
  "Write the rows to train on to FILE, and those held out to one beside it.
That one has valid in its name in place of train, or after the rest."
  (interactive (list (read-file-name "Write the training set to: " nil nil nil "train.jsonl")))
  (pen-dataset--ready (lambda () (pen-dataset--copy (expand-file-name file)))))

(defun pen-dataset--copy (file)
  "Copy the files of the plan shown to FILE, and beside it.
Ask before another file goes."
  (pcase-let ((`(,train ,valid) (pen-dataset-copy pen-dataset--plan file 0)))
    (message "Wrote %s to train on%s" (abbreviate-file-name train)
             (if valid (format ", %s held out" (abbreviate-file-name valid))
               "; nothing is held out"))))

(defun pen-dataset-copy (plan file replace)
  "Copy the rows of PLAN to train on to FILE, and those held out beside it.
That one has valid in its name in place of train, or after the rest.
REPLACE says what happens to other files, as in `copy-file'.  Return
the names of the files."
  (let* ((stem (file-name-sans-extension file))
         (other (if (string-match "train\\'" stem)
                    (concat (substring stem 0 (match-beginning 0)) "valid.jsonl")
                  (concat stem "_valid.jsonl")))
         (valid (plist-get plan :valid)))
    (unless (file-directory-p (file-name-directory file))
      (user-error "There is no directory %s to write to; M-x make-directory makes it"
                  (abbreviate-file-name (file-name-directory file))))
    (copy-file (plist-get plan :train-path) file replace)
    (if (not (and valid (> valid 0)))
        (list file)
      (copy-file (plist-get plan :valid-path) other replace)
      (list file other))))

(defun pen-dataset-abort ()
  "Stop building the training set and leave."
  (interactive)
  (pen-dataset--stop)
  (quit-window))

(provide 'pen-dataset)
;;; pen-dataset.el ends here
